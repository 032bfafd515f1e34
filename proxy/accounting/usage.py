"""What an answer used: taps read the usage as the answer's bytes pass, and keep none of the answer.

A tap takes the decoded body in any split. It never raises, and what it cannot read it does not know:
absent is not zero.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

import msgspec

from proxy.accounting.said import Answered
from proxy.accounting.shapes import GeminiUsage, UsageFields, with_tools
from proxy.accounting.suspects import suspect
from proxy.errors import UNREADABLE
from proxy.types import Usage


class UsageTap(Protocol):
    """Fed with the answer's body as it passes; asked once it has ended, whole or not."""

    model: str | None
    """The model named by the answer; known after `result()`."""
    finish_seen: bool
    """The body's own end mark came; True where a body has none and the framing alone tells its end."""

    @property
    def suspects(self) -> tuple[bytes, ...]:
        """What may be an error in a good answer: the answer itself, or data of its last such events."""

    def feed(self, payload: bytes) -> None: ...

    def result(self) -> Usage | None:
        """The usage, or None where none was said. Takes what was held as the last of the body."""
        ...

    def said_by(self) -> tuple[bytes, bool]:
        """After `result`: the JSON that said the usage, and whether it is whole; else it is its beginning."""
        ...


_decode_answer = msgspec.json.Decoder(Answered).decode

JSON_LIMIT_BYTES = 1024 * 1024
"""A larger answer (embeddings, images) is not held: 1,000 of them would be a gigabyte."""
START_BYTES = 2048
"""Of a larger answer: its id, kind and status stand before its content."""
TAIL_BYTES = 16 * 1024
"""Of a larger answer: OpenAI writes `usage` behind the data, within the last kilobyte."""


class JsonUsageTap:
    """For an answer that is one JSON object."""

    __slots__ = ("_pieces", "_size", "_tail", "finish_seen", "model")

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = True
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail: Tail | None = None

    def feed(self, payload: bytes) -> None:
        if self._tail is not None:
            return self._tail.feed(payload)
        self._pieces.append(payload)
        self._size += len(payload)
        if self._size > JSON_LIMIT_BYTES:
            self._tail = Tail(b"".join(self._pieces))
            self._pieces.clear()
        return None

    def result(self) -> Usage | None:
        if self._tail is not None:
            return self._tail.usage()
        try:
            answer = _decode_answer(self._text())
        except UNREADABLE:
            return None
        self.model = answer.model or answer.modelVersion
        usage = answer.used()
        return usage if usage is None or answer.object != "response" else with_tools(usage, self._text())

    def _text(self) -> bytes:
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    def said_by(self) -> tuple[bytes, bool]:
        return (self._text(), True) if self._tail is None else (self._tail.start, False)

    @property
    def suspects(self) -> tuple[bytes, ...]:
        text = self._text()
        return (text,) if suspect(text) else ()


class NullTap:
    """For what holds no usage a gateway could read: audio, files, compressed bodies."""

    __slots__ = ("finish_seen", "model")

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = True

    def feed(self, payload: bytes) -> None:
        pass

    def result(self) -> Usage | None:
        return None

    def said_by(self) -> tuple[bytes, bool]:
        return b"", False

    @property
    def suspects(self) -> tuple[bytes, ...]:
        return ()


_USAGE_OBJECT = re.compile(r'"usage(Metadata)?"\s*:\s*(?=\{)')
_read_value = json.JSONDecoder().raw_decode


class Tail:
    """The last bytes of a text too long to hold, at least `TAIL_BYTES` of them, and the last usage in them."""

    __slots__ = ("_held", "start")

    def __init__(self, start: bytes) -> None:
        self.start = start[:START_BYTES]
        self._held = bytearray(start[-TAIL_BYTES:])

    def feed(self, payload: bytes) -> None:
        self._held += payload[-TAIL_BYTES:]
        if len(self._held) > 2 * TAIL_BYTES:
            del self._held[:-TAIL_BYTES]

    def usage(self) -> Usage | None:
        """A `"usage"` inside a JSON string has its quotes escaped, so this one is a key."""
        text = self._held.decode("utf-8", "replace")
        found = list(_USAGE_OBJECT.finditer(text))
        if not found:
            return None
        try:
            value, _ = _read_value(text, found[-1].end())
            if found[-1][1]:
                return msgspec.convert(value, GeminiUsage).usage()
            return msgspec.convert(value, UsageFields).usage()
        except (ValueError, RecursionError):  # msgspec.ValidationError is a ValueError
            return None
