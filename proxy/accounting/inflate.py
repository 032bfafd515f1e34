"""Compressed answers, read along: a copy is decoded for the taps, the client gets the bytes as they came."""

from __future__ import annotations

from typing import Protocol

from proxy.wire.codings import CodingError, CodingLimits, Decoder, decoder

DECODED_LIMIT_BYTES = 64 * 1024 * 1024
"""Of one answer: beyond it lies nothing that is counted, but maybe a bomb."""


class Feeder(Protocol):
    def feed(self, payload: bytes) -> None: ...


class Inflating:
    """Feeds `tap` with what the payload says once decoded. Never raises: what cannot be read is not known."""

    __slots__ = ("_decoder", "_tap")

    def __init__(self, tap: Feeder, decoder: Decoder) -> None:
        self._tap = tap
        self._decoder: Decoder | None = decoder

    def feed(self, payload: bytes) -> None:
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.pieces(payload):
                self._tap.feed(piece)
        except CodingError:
            self._decoder = None


def inflated(tap: Feeder, content_encoding: bytes) -> Feeder | None:
    """The tap behind the answer's codings; None when one of them cannot be read here."""
    try:
        found = decoder(content_encoding, CodingLimits(DECODED_LIMIT_BYTES))
    except CodingError:
        return None
    return tap if found is None else Inflating(tap, found)


def beginning_of(coded: bytes, content_encoding: bytes, limit_bytes: int) -> bytes:
    """Some `limit_bytes` of what is behind the codings, of as much as is here; b"" where it cannot be read."""
    text = b""
    try:
        found = decoder(content_encoding, CodingLimits(DECODED_LIMIT_BYTES))
        for piece in (coded,) if found is None else found.pieces(coded):
            text += piece
            if len(text) >= limit_bytes:
                break
    except CodingError:
        pass  # what came before it broke off may tell enough
    return text
