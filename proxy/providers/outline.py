"""A large JSON body without the insides of its long strings: what is left tells as much of its fields, and is small.

Passing over a string one byte at a time, as a decoder must, costs thirty times what the search for its end does, and
large bodies are nearly all string: images and files in base64, documents. The insides are the upstream's to judge.
"""

from __future__ import annotations

import msgspec

LARGE_BYTES = 64 * 1024
"""From here on a body is outlined; a decoder passes over a smaller one in 20 us."""
LONG_BYTES = 4096
"""A string shorter than this stays."""
BYTES_PER_SEARCH = 2048
"""One quote is looked for per so much of the body, so that a body of short strings is soon left to the decoder."""
STAND_IN = b"x" * 1024
"""Instead of an inside: longer than any name, so that a name too long to be one still is."""

_BACKSLASH = ord("\\")


class Outline(msgspec.Struct, frozen=True):
    """`text` is the body itself where no long string was found."""

    text: bytes
    _left_out: tuple[tuple[int, int], ...] = ()
    """Behind each stand-in: its end in `text`, and how many bytes the body has more until there."""

    def origin(self, offset: int) -> int:
        """Where in the body stands what is at `offset` in `text`, outside of long strings."""
        return offset + next((more for end, more in reversed(self._left_out) if end <= offset), 0)


def outline(body: bytes) -> Outline:
    """HOT for large bodies. The same JSON structure with long strings replaced.

    Raises nothing: what is no JSON outside its strings (RFC 8259) still is none.
    """
    if len(body) < LARGE_BYTES:
        return Outline(body)
    pieces: list[bytes] = []
    left_out: list[tuple[int, int]] = []
    kept = more = 0
    opening = quote = -1
    for _ in range(len(body) // BYTES_PER_SEARCH):
        quote = body.find(b'"', quote + 1)
        if quote < 0:
            break
        if opening < 0:
            opening = quote
        elif body[quote - 1] == _BACKSLASH:
            if body[quote - 2] == _BACKSLASH:
                break  # escaped or not: somebody must count, and the decoder does
        else:
            if quote - opening > LONG_BYTES:
                pieces += body[kept : opening + 1], STAND_IN
                kept = quote
                more += quote - opening - 1 - len(STAND_IN)
                left_out.append((quote - more, more))
            opening = -1
    pieces.append(body[kept:])
    return Outline(b"".join(pieces), tuple(left_out)) if kept else Outline(body)
