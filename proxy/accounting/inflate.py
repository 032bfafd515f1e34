"""Compressed answers, read along: a copy is inflated for the taps, the client gets the bytes as they came."""

from __future__ import annotations

import zlib
from typing import Protocol

_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}
"""zlib's names for the two codings that every OpenAI SDK asks for (RFC 9110 section 8.4.1)."""
INFLATED_LIMIT_BYTES = 64 * 1024 * 1024
"""Of one answer: beyond it lies nothing that is counted, but maybe a bomb."""


class Feeder(Protocol):
    def feed(self, payload: bytes) -> None: ...


class Inflating:
    """Feeds `tap` with what the payload says once inflated. Never raises: what cannot be read is not known."""

    __slots__ = ("_inflater", "_left_bytes", "_tap")

    def __init__(self, tap: Feeder, coding: bytes) -> None:
        self._tap = tap
        self._inflater = zlib.decompressobj(_WINDOW_BITS[coding])
        self._left_bytes = INFLATED_LIMIT_BYTES

    def feed(self, payload: bytes) -> None:
        if self._left_bytes <= 0:
            return
        try:
            text = self._inflater.decompress(payload, self._left_bytes)
        except zlib.error:
            self._left_bytes = 0
            return
        self._left_bytes -= len(text)
        if text:
            self._tap.feed(text)


def inflated(tap: Feeder, content_encoding: bytes) -> Feeder | None:
    """The tap behind the answer's coding; None when it is one that cannot be read here."""
    coding = content_encoding.strip().lower()
    if coding in (b"", b"identity"):
        return tap
    return Inflating(tap, coding) if coding in _WINDOW_BITS else None
