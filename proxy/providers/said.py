"""What an upstream's error body says: its names for the error, and its message. Every dialect of OpenAI's shape."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proxy.errors import UNREADABLE

MAX_NAMES = 16
MAX_NAME_CHARS = 64
MAX_MESSAGE_CHARS = 2048
_NAMES = ("error_code", "code", "type", "status", "reason")
_MESSAGES = ("message", "error", "detail", "msg")
_BELOW = ("error", "detail", "details", "errors")
_MAX_DEPTH = 4
_EVENT_STREAM = (b"data:", b"event:")
_decode = msgspec.json.Decoder().decode


class Said(msgspec.Struct, frozen=True):
    names: tuple[str, ...] = ()
    """The particular before the general, the outermost first."""
    message: str = ""


NOTHING = Said()


def said_in(body: bytes) -> Said:
    """`{"error": {...}}`, `{"error": "text", "code": ...}`, `{"detail": ...}`, `{"message": ...}`, a list of these
    (Gemini), `details` with a reason (Google), or the first event of a stream."""
    if body.startswith(_EVENT_STREAM):
        body = _first_event(body)
    try:
        found = _decode(body)
    except UNREADABLE:
        return NOTHING
    parts = list(_parts(found, 0))
    names = [_name(part.get(key)) for key in _NAMES for part in parts]
    messages = [_text(part.get(key)) for part in parts for key in _MESSAGES]
    message = next(filter(None, messages), "")
    return Said(tuple(filter(None, names))[:MAX_NAMES], message[:MAX_MESSAGE_CHARS].strip())


def _first_event(body: bytes) -> bytes:
    lines = (line.removeprefix(b"data:") for line in body.splitlines() if line.startswith(b"data:"))
    return next(lines, b"")


def _parts(value: object, depth: int) -> Iterator[dict[str, object]]:
    """The objects that speak of the error."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value[:MAX_NAMES]:
            yield from _parts(each, depth + 1)
    elif isinstance(value, dict):
        yield value
        for key in _BELOW:
            yield from _parts(value.get(key), depth + 1)


def _name(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and len(value) <= MAX_NAME_CHARS else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
