"""The event that ends a stream which cannot be finished, in the language of its endpoint.

Clients look for errors where their endpoint has them: what comes in another's shape they pass over, and are left with a
connection that was cut. OpenAI's SDKs raise for each of these.
https://platform.openai.com/docs/api-reference/responses-streaming/error and .../assistants-streaming/events
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, TypeAlias

import msgspec

from proxy.errors import Fault, GatewayError
from proxy.gateway.telling.shapes import anthropic_body

Told: TypeAlias = Callable[[GatewayError, int], bytes]

_encode = msgspec.json.Encoder().encode
_PREFIX = re.compile(r"/openai(?:_passthrough)?(?=/)")
_NUMBER = re.compile(rb'"sequence_number"\s?:\s?(\d{1,15})')


def last_words(route: str, error: GatewayError, number: int) -> bytes:
    """`route`: its name, as in the record; `number`: of this event, where a stream's events are numbered."""
    return _told(route)(error, number)


def counts_events(route: str) -> bool:
    """Whether its events are numbered."""
    return _told(route) is _as_responses


class Numbered(Protocol):
    next_event: int


class EventNumber:
    """A tap: keeps the number that the stream's next event would have."""

    __slots__ = ("_kept_in",)

    def __init__(self, kept_in: Numbered) -> None:
        self._kept_in = kept_in

    def feed(self, payload: bytes) -> None:
        """HOT. A number that lies across two pieces is passed over, and so the one before is taken for the last."""
        at = payload.rfind(b'"sequence_number"')
        if at >= 0 and (found := _NUMBER.match(payload, at)) is not None:
            self._kept_in.next_event = int(found[1]) + 1


def broke_off() -> GatewayError:
    """The upstream did; no `[DONE]` follows, and the connection is cut."""
    return GatewayError(
        502,
        "The upstream broke off its answer.",
        kind="upstream_error",
        code="stream_broken",
        fault=Fault.UPSTREAM,
    )


def _fields(error: GatewayError) -> dict[str, str | None]:
    return {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}


def _as_chat(error: GatewayError, _number: int) -> bytes:
    return b"data: %b\n\n" % error.body()


def _as_typed(error: GatewayError, _number: int) -> bytes:
    """Events here say their type in their data too."""
    return b"event: error\ndata: %b\n\n" % _encode({"type": "error", "error": _fields(error)})


def _as_responses(error: GatewayError, number: int) -> bytes:
    """The fields of `ResponseErrorEvent`; and `error`, as the API sends it and the SDKs raise for it."""
    said = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": number,
        "error": _fields(error),
    }
    return b"event: error\ndata: %b\n\n" % _encode(said)


def _as_assistants(error: GatewayError, _number: int) -> bytes:
    """The data of `error` is an error object; the SDKs look for one within."""
    return b"event: error\ndata: %b\n\n" % _encode({**_fields(error), "error": _fields(error)})


def _as_messages(error: GatewayError, _number: int) -> bytes:
    """https://platform.claude.com/docs/en/build-with-claude/streaming#error-events"""
    return b"event: error\ndata: %b\n\n" % anthropic_body(error)


_BY_FAMILY: dict[str, Told] = {
    "messages": _as_messages,
    "anthropic": _as_messages,
    "responses": _as_responses,
    "threads": _as_assistants,
    "images": _as_typed,
    "audio": _as_typed,
}
"""By the first segment of the path; all others speak as chat does."""


@lru_cache(maxsize=256)
def _told(route: str) -> Told:
    family = _PREFIX.sub("", route, count=1).strip("/").partition("/")[0]
    return _BY_FAMILY.get(family, _as_chat)


BROKE_OFF = last_words("/chat/completions", broke_off(), 0)
"""Of a chat stream."""


class _Detail(msgspec.Struct):
    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Detail | str


_decode = msgspec.json.Decoder(_Body).decode


def told_by(status: int, body: bytes) -> GatewayError:
    """An upstream's error, to be told inside a stream that has begun; of any other body only its status."""
    error = GatewayError(
        status, f"The upstream answered {status}.", kind="upstream_error", fault=Fault.UPSTREAM
    )
    try:
        said = _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return error
    if isinstance(said, str):
        error.message = said
        return error
    error.message, error.param = said.message or error.message, said.param
    error.kind = said.type or error.kind
    error.code = None if said.code is None else str(said.code)
    return error
