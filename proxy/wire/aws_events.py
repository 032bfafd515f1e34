"""AWS's binary event streams, sans-io: each message has its lengths, headers, a payload, and two checksums.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

from typing import TypeAlias
from zlib import crc32

from proxy.wire.framing import BadFraming

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Bedrock's have a payload of 1,000,000 bytes at most, in base64."""
_PRELUDE = 12
"""Bytes of the whole, bytes of the headers, and a checksum over both."""
_CHECKSUM = 4
_STRING = 7
_SIZED = (6, _STRING)
"""Types of values that say their size."""
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of the others."""

AwsMessage: TypeAlias = tuple[dict[str, str], bytes]
"""(headers that are text, payload)"""


class AwsEvents:
    """Splits one stream into messages. Each byte is copied twice at most, however small the pieces."""

    __slots__ = ("_needed", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._needed = _PRELUDE
        """Bytes that must be here before anything can be said."""

    @property
    def torn(self) -> bool:
        """A message has begun, and not ended."""
        return self._size > 0

    def feed(self, data: bytes) -> list[AwsMessage]:
        """Those that end in `data`. Raises BadFraming."""
        self._pieces.append(data)
        self._size += len(data)
        found: list[AwsMessage] = []
        if self._size < self._needed:
            return found
        held = b"".join(self._pieces)
        at = 0
        while len(held) - at >= _PRELUDE:
            size = _size_of(held, at)
            if len(held) - at < size:
                self._needed = size
                break
            found.append(_message(held[at : at + size]))
            at += size
        else:
            self._needed = _PRELUDE
        self._pieces = [held[at:]]
        self._size = len(held) - at
        return found


def _size_of(held: bytes, at: int) -> int:
    """Of the message that begins there. Raises BadFraming."""
    size, headers = _number(held, at, 4), _number(held, at + 4, 4)
    if crc32(held[at : at + 8]) != _number(held, at + 8, 4):
        raise BadFraming("an event's lengths do not fit their checksum")
    if size > MAX_MESSAGE_BYTES or size < _PRELUDE + headers + _CHECKSUM:
        raise BadFraming("an event is longer than any is, or shorter than its headers")
    return size


def _message(text: bytes) -> AwsMessage:
    """Raises BadFraming."""
    end = len(text) - _CHECKSUM
    if crc32(text[:end]) != _number(text, end, 4):
        raise BadFraming("an event does not fit its checksum")
    behind = _PRELUDE + _number(text, 4, 4)
    return _headers(text[_PRELUDE:behind]), text[behind:end]


def _headers(text: bytes) -> dict[str, str]:
    """Raises BadFraming."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        start = at + 1
        behind = start + text[at]
        if behind >= len(text):
            raise BadFraming("an event's headers are torn")
        kind = text[behind]
        size = _SIZES.get(kind, -1)
        at = behind + 1
        if kind in _SIZED:
            size = _number(text, at, 2)
            at += 2
        if size < 0 or at + size > len(text):
            raise BadFraming("an event's headers are torn, or of no known type")
        if kind == _STRING:
            stop = at + size
            found[text[start:behind].decode("utf-8", "replace")] = text[at:stop].decode("utf-8", "replace")
        at += size
    return found


def _number(text: bytes, at: int, size: int) -> int:
    stop = at + size
    return int.from_bytes(text[at:stop], "big")
