"""The types of the official SDKs, walked: their fields, whether a value fits them, and values that do."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel

Type = Any
Value = Any


def unwrapped(type_: Type) -> Type:
    """Without `Required`, `Annotated` and names for types."""
    while True:
        if hasattr(type_, "__value__"):
            type_ = type_.__value__
        elif get_origin(type_) in (typing.Required, typing.NotRequired, typing.Annotated) or _is_wrapper(
            type_
        ):
            type_ = get_args(type_)[0]
        else:
            return type_


def _is_wrapper(type_: Type) -> bool:
    return getattr(get_origin(type_), "_name", None) in ("Required", "NotRequired", "Annotated")


def _is_required(type_: Type) -> bool:
    return getattr(get_origin(type_), "_name", None) == "Required"


def is_class(type_: Type) -> bool:
    return hasattr(type_, "__required_keys__") or (isinstance(type_, type) and issubclass(type_, BaseModel))


def fields_of(class_: Type) -> dict[str, Type]:
    if not hasattr(class_, "__required_keys__"):
        return {field.alias or name: field.annotation for name, field in class_.model_fields.items()}
    return get_type_hints(class_, include_extras=True)


def required_of(class_: Type) -> set[str]:
    if not hasattr(class_, "__required_keys__"):
        return {field.alias or name for name, field in class_.model_fields.items() if field.is_required()}
    hints = get_type_hints(class_, include_extras=True)
    marked = {
        name for name, type_ in hints.items() if get_origin(type_) is typing.Required or _is_required(type_)
    }
    return marked | (set(class_.__required_keys__) if class_.__total__ else set())


def members(type_: Type) -> list[Type]:
    """Of a union; else itself alone."""
    type_ = unwrapped(type_)
    if get_origin(type_) is typing.Union or type(type_).__name__ == "UnionType":
        return [each for member in get_args(type_) for each in members(member)]
    return [type_]


def element(type_: Type) -> Type | None:
    """Of a list."""
    origin = get_origin(type_)
    if origin is list or (isinstance(origin, type) and issubclass(origin, Iterable) and origin is not dict):
        return get_args(type_)[0] if not issubclass(origin, Mapping) else None
    return None


def classes_in(type_: Type) -> Iterator[Type]:
    for member in members(type_):
        inner = element(member)
        if is_class(member):
            yield member
        elif inner is not None:
            yield from classes_in(inner)


def tags_of(class_: Type) -> dict[str, tuple[Value, ...]]:
    """Fields with few values: `type` and `role`, by which the members of a union are told apart."""
    found = {}
    for name, type_ in fields_of(class_).items():
        type_ = unwrapped(type_)
        if get_origin(type_) is typing.Literal:
            found[name] = get_args(type_)
    return found


def misfits(value: Value, type_: Type, where: str = "") -> list[str]:
    """What of the value is not as the type has it: fields that are not known, of another type, or lacking."""
    problems = [_misfits(value, member, where) for member in members(type_)]
    if not all(problems):
        return []
    tagged = [
        found for member, found in zip(members(type_), problems, strict=True) if _is_meant(value, member)
    ]
    return min(tagged or problems, key=len)


def _is_meant(value: Value, class_: Type) -> bool:
    if not is_class(class_) or not isinstance(value, dict):
        return False
    return all(
        value.get(name) in values for name, values in tags_of(class_).items() if name in ("type", "role")
    )


def _misfits(value: Value, type_: Type, where: str) -> list[str]:
    if type_ is Any or type_ is object:
        return []
    if type_ is None or type_ is type(None):
        return [] if value is None else [f"{where}: expected null"]
    if get_origin(type_) is typing.Literal:
        return [] if value in get_args(type_) else [f"{where}: `{value}` is none of {get_args(type_)}"]
    if is_class(type_):
        return _misfits_class(value, type_, where)
    inner = element(type_)
    if inner is not None:
        if not isinstance(value, list):
            return [f"{where}: expected a list"]
        return [each for n, member in enumerate(value) for each in misfits(member, inner, f"{where}[{n}]")]
    if get_origin(type_) is dict:
        ok = isinstance(value, dict)
        found = (
            [misfits(member, get_args(type_)[1], f"{where}.{name}") for name, member in value.items()]
            if ok
            else []
        )
        return [each for problems in found for each in problems] if ok else [f"{where}: expected an object"]
    if type_ is float:
        return [] if isinstance(value, int | float) else [f"{where}: expected a number"]
    if type_ is datetime:
        return [] if isinstance(value, str) else [f"{where}: expected a time"]
    if type_ is int and isinstance(value, bool):
        return [f"{where}: expected an integer"]
    if not isinstance(type_, type):
        return [f"{where}: no JSON"]  # files, for the SDK to read
    return [] if isinstance(value, type_) else [f"{where}: expected {type_}, got {value!r}"]


def _misfits_class(value: Value, class_: Type, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: expected an object"]
    known = fields_of(class_)
    problems = [f"{where}.{name}: not known to {class_.__name__}" for name in value if name not in known]
    problems += [
        f"{where}.{name}: lacking in {class_.__name__}" for name in required_of(class_) - value.keys()
    ]
    for name, member in value.items():
        if name in known:
            problems += misfits(member, known[name], f"{where}.{name}")
    return problems


def sample(type_: Type, depth: int = 0) -> Value:
    """The smallest value that fits."""
    type_ = members(type_)[0]
    if get_origin(type_) is typing.Literal:
        return get_args(type_)[0]
    if is_class(type_):
        return {name: sample(fields_of(type_)[name], depth + 1) for name in sorted(required_of(type_))}
    inner = element(type_)
    if inner is not None:
        return [sample(inner, depth + 1)] if depth < 6 else []
    if get_origin(type_) is dict or type_ is dict:
        return {"k": sample(get_args(type_)[1], depth + 1)} if get_args(type_) else {}
    plain = {str: "text", int: 3, float: 0.5, bool: True, datetime: "2026-10-21T00:00:00Z"}
    return plain.get(type_)
