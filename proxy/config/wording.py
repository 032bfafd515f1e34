"""What a setting's type expects, in the words of somebody who writes YAML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from msgspec import inspect

from proxy.config.fields import HTTP_URL, PATTERNS

_TEXT = "text"
_HOST_AND_PORT = re.compile(
    r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d))(:\d{1,5})?(/[\w./-]*)?$"
)
_PLAIN: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.CustomType: _TEXT,
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}
_BOUNDS = (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))


def expectation(hint: object) -> str:
    """`a number more than 0 and at most 86400 (seconds)`"""
    return _describe(inspect.type_info(hint))


def choices(hint: object) -> tuple[str, ...]:
    """The words a Literal allows; none for other types."""
    info = inspect.type_info(hint)
    return tuple(map(str, info.values)) if isinstance(info, inspect.LiteralType) else ()


def is_number(hint: object) -> bool:
    """Whether only numbers are meant here, so that a wrong one may be shown."""
    info = inspect.type_info(hint)
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    numbers = inspect.IntType | inspect.FloatType | inspect.NoneType | inspect.BoolType
    return all(isinstance(_bare(kind), numbers) for kind in kinds)


def found(value: object, *, shown: bool) -> str:
    """What stands there instead; the value itself only where it cannot be a secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if shown else "a number"
    kinds: tuple[tuple[type, str], ...] = ((str, "text"), (dict, "a mapping"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


def lacks_scheme(hint: object, value: str) -> bool:
    """Whether it would be a URL with `http://` in front, and certainly is no secret."""
    kinds = inspect.type_info(hint)
    alternatives = kinds.types if isinstance(kinds, inspect.UnionType) else (kinds,)
    texts = [bare for bare in map(_bare, alternatives) if isinstance(bare, inspect.StrType)]
    return any(text.pattern == HTTP_URL for text in texts) and _HOST_AND_PORT.match(value) is not None


def plain(number: float) -> str:
    """`64`, not `64.0`."""
    return str(int(number)) if number == int(number) else str(number)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean `{near[0]}`?" if near else ""


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _describe(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        return _describe(info.type)
    if isinstance(info, inspect.UnionType):
        return " or ".join(dict.fromkeys(map(_describe, _alternatives(info))))
    if isinstance(info, inspect.IntType):
        return "a whole number" + _bounds(info)
    if isinstance(info, inspect.FloatType):
        return "a number" + _bounds(info)
    if isinstance(info, inspect.StrType):
        return PATTERNS.get(info.pattern or "", "text that is not empty" if info.min_length else _TEXT)
    if isinstance(info, inspect.LiteralType):
        return "one of " + ", ".join(map(str, info.values))
    return _PLAIN.get(type(info), "another value")


def _alternatives(info: inspect.UnionType) -> list[inspect.Type]:
    """A whole number is a number too; leaving a key out needs no words."""
    told = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    floats = [kind for kind in told if isinstance(kind, inspect.FloatType)]
    return [kind for kind in told if not (floats and isinstance(kind, inspect.IntType))]


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    found = ((word, getattr(info, name)) for name, word in _BOUNDS)
    words = [f"{word} {plain(bound)}" for word, bound in found if bound is not None]
    return " of " + " and ".join(words) if words else ""
