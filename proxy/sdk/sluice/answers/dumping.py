"""What pydantic's models offer to write themselves out with, for code that is used to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import msgspec

_encode = msgspec.json.Encoder().encode
_Plain: TypeAlias = dict[str, Any]


class Dumping(dict[str, Any]):
    """All that is dumped is as it came: nothing is added for what was absent."""

    __slots__ = ()

    def model_dump(
        self,
        *,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        exclude_none: bool = False,
        **_ignored: object,
    ) -> _Plain:
        """Plain dicts and lists, all the way down, and the caller's own.

        `include`, `exclude`: fields of the answer itself. `exclude_none`: without what is null, below too. Pydantic's
        other options (`mode`, `exclude_unset`, `by_alias` ...) make no difference here.
        """
        names = [
            name for name in self if (include is None or name in include) and name not in (exclude or ())
        ]
        return {
            name: plain(self[name], without_none=exclude_none)
            for name in names
            if not (exclude_none and self[name] is None)
        }

    def model_dump_json(self, *, indent: int | None = None, **options: Any) -> str:
        """As JSON text. `indent`: blanks per level; None: one line. `options`: those of `model_dump`."""
        text = _encode(self.model_dump(**options) if options else self)
        return (msgspec.json.format(text, indent=indent) if indent else text).decode()

    def json(self, **options: Any) -> _Plain:
        """LiteLLM's: a dict. The text is `model_dump_json()`."""
        return self.model_dump(**options)

    def dict(self, **options: Any) -> _Plain:
        return self.model_dump(**options)

    def to_dict(self, **options: Any) -> _Plain:
        """openai's."""
        return self.model_dump(**options)

    def to_json(self, *, indent: int | None = 2, **options: Any) -> str:
        """openai's: JSON text."""
        return self.model_dump_json(indent=indent, **options)


def plain(value: Any, *, without_none: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            name: plain(below, without_none=without_none)
            for name, below in value.items()
            if not (without_none and below is None)
        }
    if isinstance(value, list):
        return [plain(item, without_none=without_none) for item in value]
    return value
