"""JSON objects with attributes: each is a `dict` that also has its fields as attributes.

A dict, not a model: every field stays as it came, whether this library has heard of it or not; `json.dumps`, `==`,
`**`, `in`, `.get` and pickling are the dict's own; and making one costs a thirtieth of what a model of openai's does.
Classes declare fields by annotation: a declared field that is absent reads as None,
by attribute or by item, and stays absent from `dict(answer)`, `model_dump()` and `==`.

A field that is called as one of dict's methods is (`keys`, `items`) is read by item: `action["keys"]`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from sluice.answers.dumping import Dumping

_update = dict.update
_LEAVES = (float, int)
"""Embeddings are thousands of these, and no list of them holds an object."""


class Fields(Dumping):
    """A JSON object of any kind: metadata, arguments, what is not known yet."""

    __slots__ = ()
    _below: ClassVar[Mapping[str, type[Fields]]] = {}
    """What the objects under a field are, alone or in lists; else they are Fields."""
    _declared: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, below: Mapping[str, type[Fields]] = {}) -> None:
        names = [name for name in cls.__annotations__ if not name.startswith("_")]
        for name in names:
            setattr(cls, name, property(methodcaller("get", name)))  # in C: no frame of Python's
        cls._declared = cls._declared | frozenset(names)
        cls._below = {**cls._below, **below}

    if not TYPE_CHECKING:  # misspelt fields of declared classes are told by type checkers

        def __getattr__(self, name: str) -> Any:
            """A field that is not declared. Raises AttributeError."""
            try:
                return dict.__getitem__(self, name)
            except KeyError:
                raise AttributeError(_unknown(self, name), name=name, obj=self) from None

    def __missing__(self, name: str) -> None:
        if name not in self._declared:
            raise KeyError(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(_unknown(self, name), name=name, obj=self)
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"

    def copy(self) -> Self:
        """Of its own fields; what is below is shared."""
        return copy.copy(self)


class Item(Fields):
    """An object whose fields differ by its `type`: an item, an event."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Typed(Fields):
    """One of a known kind. It is true even when it is empty, as `delta` of a stream's last chunk is."""

    __slots__ = ()

    def __init__(self, **fields: Any) -> None:
        """Of plain values: what is below is shaped as an answer's is."""
        dict.__init__(self, shaped(type(self), fields))

    def __bool__(self) -> bool:
        return True

    @classmethod
    def model_validate(cls, fields: Mapping[str, Any]) -> Self:
        """From JSON that is decoded already; it is copied, and nothing of it is refused."""
        return shaped(cls, copy.deepcopy(dict(fields)))

    @classmethod
    def model_construct(cls, **fields: Any) -> Self:
        return shaped(cls, fields)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        made = copy.deepcopy(self) if deep else copy.copy(self)
        _update(made, update or {})
        return made


F = TypeVar("F", bound=Fields)


def shaped(kind: type[F], fields: dict[str, Any]) -> F:
    """HOT. `fields` as one of `kind`, with all objects below: `fields` itself is used up."""
    for name, value in fields.items():
        of = type(value)
        if of is dict:
            fields[name] = shaped(kind._below.get(name, Fields), value)  # noqa: SLF001 - its own kind
        elif of is list and value and type(value[0]) not in _LEAVES:
            _shape_items(kind._below.get(name, Fields), value)  # noqa: SLF001
    made = kind.__new__(kind)
    _update(made, fields)
    return made


def _shape_items(kind: type[Fields], items: list[Any]) -> None:
    for at, item in enumerate(items):
        of = type(item)
        if of is dict:
            items[at] = shaped(kind, item)
        elif of is list:
            _shape_items(kind, item)


def _unknown(fields: Fields, name: str) -> str:
    there = ", ".join(list(fields)[:20]) or "none"
    return f"{type(fields).__name__} has no field `{name}`; the answer's fields: {there}"
