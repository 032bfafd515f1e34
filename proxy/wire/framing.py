"""Where a body ends (RFC 9112 6 and 7): trackers that count bytes as they pass, and copy only when asked to."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from proxy.wire.head import CHUNKED, TEXT, TOKEN, UNTIL_CLOSE

LAST_CHUNK = b"0\r\n\r\n"

_LINE_LIMIT_BYTES = 4096
"""One size line with its extensions, or one trailer: nobody sends more than a few dozen bytes."""
_EXTRAS_LIMIT_BYTES = 16 * 1024
"""Extensions and trailers of one message: without it, a peer can send 4 KB of framing for each byte of body."""

SIZES = {b"%x" % size: size for size in range(1, 4096)}
"""Size lines as nearly every sender writes them: a lookup costs a third of validating and converting."""
_SIZES_LINE_BYTES = len(b"fff\r\n")
_SPLIT_BYTES = 256 * 1024
"""What is looked at in one go: a link reads less."""
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;%b(?:=(?:%b|%b))?)*)" % (TOKEN, TOKEN, _QUOTED))
"""Groups are not possessive here: before 3.11.5 Python took back too little from those (CPython issue 106052).

RFC 9112 7.1.1 without the blanks it calls bad. 16 digits: what fits 64 bits, and no flood of zeros."""
_TRAILER = re.compile(rb"(?!(?i:content-length|transfer-encoding):)%b:%b" % (TOKEN, TEXT))
"""A header line that does not speak of framing (RFC 9110 6.5.1)."""


class BadFraming(Exception):  # noqa: N818 - the pair of BadRequest
    """The body does not keep to its framing. Nothing after it can be trusted: close the connection."""


class Framing(Protocol):
    done: bool
    """The message is complete; further bytes are the next message's."""

    def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
        """How many bytes of `data` belong to this message; payload slices are appended to `into`.

        Less than `len(data)` only if the message ended. Raises BadFraming, after which it must not be fed again.
        """
        ...

    def at_eof(self) -> bool:
        """Whether the stream may end here: True is a whole message, False a truncated one."""
        ...

    def at_reset(self) -> bool:
        """Whether the connection may break here and the message is whole all the same."""
        ...


class LengthFraming:
    """`content-length: n`"""

    __slots__ = ("done", "remaining")

    def __init__(self, n: int) -> None:
        self.remaining = n
        """Bytes still to come."""
        self.done = n == 0

    def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
        taken = min(len(data), self.remaining)
        if into is not None and taken:
            into.append(data if taken == len(data) else data[:taken])
        self.remaining -= taken
        self.done = self.remaining == 0
        return taken

    def at_eof(self) -> bool:
        return self.done

    def at_reset(self) -> bool:
        return self.done


class CloseFraming:
    """An answer that lasts until its connection is closed: never `done`."""

    __slots__ = ("done", "said_all", "whole")

    def __init__(self) -> None:
        self.done = False
        self.said_all: Callable[[], bool] | None = None
        """Whether the body's own last words have come, after which nothing can be missing; None: it has none."""
        self.whole: Callable[[], bool] | None = None
        """Asked at the end, of a body that says so itself; None: truncation cannot be seen."""

    def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
        if into is not None and data:
            into.append(data)
        return len(data)

    def at_eof(self) -> bool:
        return self.whole is None or self.whole()

    def at_reset(self) -> bool:
        return self.said_all is not None and self.said_all()


class Unwrapper(Protocol):
    """A framing within the payload."""

    def feed(self, data: bytes) -> bytes:
        """What it holds, as far as it has come whole. Raises BadFraming."""
        ...

    @property
    def torn(self) -> bool:
        """Something in it has begun, and not ended."""
        ...


class WrappedFraming:
    """A body whose payload has a framing of its own: what that holds is the payload here."""

    __slots__ = ("_unwrapper", "done", "inner")

    def __init__(self, inner: Framing, unwrapper: Unwrapper) -> None:
        self.inner = inner
        self._unwrapper = unwrapper
        self.done = inner.done

    def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
        pieces: list[bytes] = []
        taken = self.inner.feed(data, pieces)
        held = self._unwrapper.feed(b"".join(pieces))
        if held and into is not None:
            into.append(held)
        self.done = self.inner.done
        if self.done and self._unwrapper.torn:
            raise BadFraming("the last of what the body holds is torn")
        return taken

    def at_eof(self) -> bool:
        return self.inner.at_eof() and not self._unwrapper.torn

    def at_reset(self) -> bool:
        return self.inner.at_reset() and not self._unwrapper.torn


class _Part(enum.Enum):
    SIZE = enum.auto()
    PAYLOAD = enum.auto()
    PAYLOAD_END = enum.auto()
    TRAILERS = enum.auto()


_SIZE, _PAYLOAD, _PAYLOAD_END, _TRAILERS = _Part


class ChunkedFraming:
    """`transfer-encoding: chunked`, strictly: the only line end is CRLF, sizes are 1 to 16 hex digits.

    Extensions and trailers are checked, bounded and not understood; they are no payload.
    """

    __slots__ = ("_extras_left", "_held", "_left", "_max_line", "_of_lines", "_part", "done")

    def __init__(self, max_line: int = _LINE_LIMIT_BYTES, max_extras: int = _EXTRAS_LIMIT_BYTES) -> None:
        self._max_line = max_line
        self._extras_left = max_extras
        self._held = b""
        """The beginning of a line, or of the CRLF behind a payload, whose rest has not come."""
        self._left = 0
        self._part = _SIZE
        self._of_lines = True
        """No CRLF was seen within a payload: what comes may be split at it."""
        self.done = False

    def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
        """HOT. An event nearly always comes alone, in a chunk of its own."""
        held = len(self._held)
        if held:
            data = self._held + data
            self._held = b""
        end = len(data)
        if self._part is _SIZE and not self.done:
            start = data.find(b"\r\n", 0, _SIZES_LINE_BYTES) + 2
            if SIZES.get(data[: start - 2]) == end - start - 2 and data.endswith(b"\r\n"):
                if into is not None:
                    into.append(data[start:-2])
                return end - held
        at = 0
        while at < end and not self.done:
            if self._part is _SIZE:
                at = self._whole_chunks(data, at, into)
                if at == end:
                    break
            at = self._step(data, at, into)
        return at - held

    def at_eof(self) -> bool:
        return self.done

    def at_reset(self) -> bool:
        return self.done

    @property
    def between_chunks(self) -> bool:
        """Another chunk could follow here."""
        return self._part is _SIZE and not self._held

    def _whole_chunks(self, data: bytes, at: int, into: list[bytes] | None) -> int:
        """HOT. Passes the chunks that lie in `data` from size to CRLF; stops before anything else."""
        if self._of_lines and len(data) - at < _SPLIT_BYTES:
            at = self._split_chunks(data, at, into)
        find, size_of, ends = data.find, SIZES.get, data.startswith
        while True:
            line_end = find(b"\r\n", at, at + _SIZES_LINE_BYTES)
            size = size_of(data[at:line_end]) if line_end > 0 else None
            if size is None:
                return at
            start = line_end + 2
            end = start + size
            if not ends(b"\r\n", end):
                return at
            if into is not None:
                into.append(data[start:end])
            at = end + 2

    def _split_chunks(self, data: bytes, at: int, into: list[bytes] | None) -> int:
        """HOT. Many at once, of payloads without a CRLF: as events are. No line of ours is run for any of them."""
        lines = (data[at:] if at else data).split(b"\r\n")
        pairs = (len(lines) - 1) // 2
        if pairs and lines[2 * pairs - 2] == b"0":
            pairs -= 1  # the last chunk, or one that is none
        payloads = list(islice(lines, 1, 2 * pairs, 2))
        sizes = list(map(SIZES.get, islice(lines, 0, 2 * pairs, 2)))
        if sizes != list(map(len, payloads)):
            self._of_lines = False
            return at
        if into is not None:
            into.extend(payloads)
        passed = sum(map(len, islice(lines, 0, 2 * pairs)))
        return at + passed + 4 * pairs

    def _step(self, data: bytes, at: int, into: list[bytes] | None) -> int:
        """Passes one line or one stretch of payload; the index behind it."""
        if self._part is _PAYLOAD:
            return self._payload(data, at, into)
        if self._part is _PAYLOAD_END:
            return self._payload_end(data, at)
        line_end = data.find(b"\r\n", at, at + self._max_line)
        if line_end < 0:
            return self._hold(data, at)
        line = data[at:line_end]
        if self._part is _SIZE:
            self._size(line)
        else:
            self._trailer(line)
        return line_end + 2

    def _hold(self, data: bytes, at: int) -> int:
        if len(data) - at >= self._max_line:
            raise BadFraming(f"a line of the chunked framing is longer than {self._max_line} bytes")
        self._held = data[at:]
        return len(data)

    def _size(self, line: bytes) -> None:
        parts = _SIZE_LINE.fullmatch(line)
        if parts is None:
            raise BadFraming("a chunk does not begin with its size")
        self._spend(len(parts[2]))
        self._left = int(parts[1], 16)
        self._part = _PAYLOAD if self._left else _TRAILERS

    def _payload(self, data: bytes, at: int, into: list[bytes] | None) -> int:
        end = min(at + self._left, len(data))
        if into is not None:
            into.append(data if end - at == len(data) else data[at:end])
        self._left -= end - at
        if self._left == 0:
            self._part = _PAYLOAD_END
        return end

    def _payload_end(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self._part = _SIZE
            return at + 2
        if data[at:] != b"\r":
            raise BadFraming("a chunk is not as long as its size says")
        return self._hold(data, at)

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        if _TRAILER.fullmatch(line) is None:
            raise BadFraming("a trailer is not a header line, or speaks of framing")
        self._spend(len(line))

    def _spend(self, extra_bytes: int) -> None:
        self._extras_left -= extra_bytes
        if self._extras_left < 0:
            raise BadFraming("too many bytes of chunk extensions and trailers")


def framing_of(n: int) -> Framing:
    """The tracker for the framing of a parsed head (proxy.wire.head)."""
    if n == CHUNKED:
        return ChunkedFraming()
    if n == UNTIL_CLOSE:
        return CloseFraming()
    return LengthFraming(max(n, 0))  # NO_BODY is a body of 0 bytes


def encode_chunk(data: bytes) -> bytes:
    """One chunk; nothing for no data, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
