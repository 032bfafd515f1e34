"""What cannot be said in the upstream's language is refused by name, or left out where the operator says so.

https://docs.litellm.ai/docs/completion/drop_params
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from proxy.errors import CannotSay, GatewayError
from proxy.providers.translation.coding import Fields, encode

_T = TypeVar("_T")
_AT = re.compile(r"^(.*) - at `\$([^`]*)`$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")


class Terms(msgspec.Struct, frozen=True, eq=False):
    """What a deployment is sent in its own language, beside the request."""

    model: str
    provider: str
    """For messages: whose language it is."""
    drop: bool = False
    """`drop_params`: what cannot be said is left out."""
    dropped: frozenset[str] = frozenset()
    """`additional_drop_params`"""
    allowed: frozenset[str] = frozenset()
    """`allowed_openai_params`: passed under their own names."""
    modifies: bool = False
    """`modify_params`: messages that Anthropic would refuse are changed."""
    fetches: bool = True
    """Anthropic itself gets what stands at an address: pictures, documents."""
    max_tokens: int | None = None
    """The most that the model writes."""
    version: str = ""
    """Of Anthropic's API, where it is configured."""
    now_unix: int = 0
    call_id: str = ""


def refused(param: str, provider: str, why: str = "") -> CannotSay:
    """400, naming the field."""
    reason = f": {why}" if why else ""
    return CannotSay(
        f"`{param}` cannot be said to this model's provider ({provider}){reason}."
        " Leave it out, or have the operator set drop_params.",
        param=param,
        code="unsupported_parameter",
    )


def wrong(param: str, message: str) -> GatewayError:
    return GatewayError(400, f"Invalid '{param}': {message}", param=param, code="invalid_value")


def read(field: str, value: Raw | bytes, decode: Callable[[bytes], _T], provider: str) -> _T:
    """Raises GatewayError 400 that names what is in the way, as deep as it lies."""
    try:
        return decode(bytes(value))
    except msgspec.ValidationError as problem:
        raise _found(field, str(problem), provider) from None


def _found(field: str, problem: str, provider: str) -> GatewayError:
    at = _AT.match(problem)
    message, place = (at[1], field + at[2]) if at else (problem, field)
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return wrong(place, message)
    return refused(f"{place}.{unknown[1]}", provider)


class Telling:
    """Collects one request's fields, and what becomes of those that cannot be said."""

    def __init__(self, fields: Mapping[str, Raw], terms: Terms) -> None:
        self.fields = {
            name: value
            for name, value in fields.items()
            if bytes(value) != b"null" and name not in terms.dropped
        }
        self.terms = terms
        self.said: dict[str, object] = {}

    def take(self, name: str) -> Raw | None:
        """The field's value, which is then dealt with."""
        return self.fields.pop(name, None)

    def read(self, name: str, decode: Callable[[bytes], _T]) -> _T | None:
        """Raises GatewayError 400."""
        value = self.take(name)
        return None if value is None else read(name, value, decode, self.terms.provider)

    def refuse(self, name: str, why: str = "") -> None:
        """Unless the operator has it left out. Raises GatewayError 400."""
        if not self.terms.drop:
            raise refused(name, self.terms.provider, why)

    def body(self) -> bytes:
        """What is left goes as it came: the upstream knows what it knows."""
        return encode({**self.said, **self.fields})

    def refuse_all(self, names: Mapping[str, frozenset[bytes]]) -> None:
        """Fields that the other language has no word for; by name, the values that say nothing."""
        for name, empty in names.items():
            if name in self.terms.allowed:
                continue
            value = self.take(name)
            if value is not None and bytes(value) not in empty:
                self.refuse(name)


def fields_of(value: Raw) -> Fields:
    return msgspec.json.decode(value, type=Fields)
