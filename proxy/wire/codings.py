"""Content codings, undone as the bytes come: gzip, deflate, br and zstd, also one upon the other.

Sans-io, and bounded: what comes out is counted piece by piece, before it is there whole.
RFC 9110 section 8.4.1; br is RFC 7932, zstd RFC 8878 with the window of RFC 9659.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

import brotli
import msgspec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 64 * 1024
"""What comes out at once, about; and what goes in, since a coder copies what it has not taken yet."""
MAX_LAYERS = 5
"""Codings upon each other: as many as curl takes off; senders use one."""
MAX_MEMBERS = 1000
"""Of one gzip or zstd stream: parallel compressors write dozens, an empty one takes 20 bytes and 5 us."""
_WINDOW_LOG = 23
"""8 MiB: what a zstd sender may ask of any receiver (RFC 9659 section 3)."""
ACCEPTED = b"gzip, deflate, br, zstd"
"""For `Accept-Encoding` (RFC 9110 section 15.5.16)."""


class CodingError(Exception):
    """The bytes cannot be decoded. `str()` says why, in words for their sender."""


class UnknownCoding(CodingError):  # noqa: N818 - what is wrong, in a word
    """A coding that is not read here."""

    def __init__(self, name: bytes) -> None:
        super().__init__(f"the content coding `{name.decode('latin-1')}` is not known")
        self.name = name


class Malformed(CodingError):  # noqa: N818 - what is wrong, in a word
    """Not what the coding says."""


class BeyondLimits(CodingError):  # noqa: N818 - what is wrong, in a word
    """More than its reader takes, or a bomb."""


class CodingLimits(msgspec.Struct, frozen=True):
    """Of each layer's output."""

    size_bytes: int
    ratio: int | None = None
    """Most bytes out per byte in, once `free_bytes` are out; None: any."""
    free_bytes: int = 1024 * 1024


class Decoder:
    """One body's codings. After a CodingError nothing more can be fed."""

    __slots__ = ("_layers",)

    def __init__(self, layers: list[_Layer]) -> None:
        """`layers`: the last coding applied first."""
        self._layers = layers

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` says, in pieces of about PIECE_BYTES, decoded as they are asked for. Raises CodingError."""
        flow: Iterator[bytes] = iter((data,))
        for layer in self._layers:
            flow = chain.from_iterable(map(layer.pieces, flow))
        return flow

    def feed(self, data: bytes) -> bytes:
        """All that `data` says. Raises CodingError."""
        return b"".join(self.pieces(data))

    @property
    def whole(self) -> bool:
        """What was fed may end here: no layer is in the middle of something."""
        return all(layer.whole for layer in self._layers)


def decoder(content_encoding: bytes, limits: CodingLimits) -> Decoder | None:
    """For the header's value; None where it says that nothing is coded. Raises UnknownCoding, BeyondLimits."""
    names = [name.strip().lower() for name in content_encoding.split(b",")]
    coded = [name for name in names if name not in (b"", b"identity")]
    if len(coded) > MAX_LAYERS:
        raise BeyondLimits(f"more than {MAX_LAYERS} content codings upon each other")
    layers = [_Layer(name, limits) for name in reversed(coded)]
    return Decoder(layers) if layers else None


class _Member(Protocol):
    """One gzip member, zstd frame or br stream, from its head to its checksum."""

    ended: bool
    pending: bool
    """More may come out although nothing more goes in."""
    rest: bytes
    """What was given and not taken."""

    def take(self, data: bytes) -> bytes:
        """About PIECE_BYTES of what it says. Raises the library's own error."""


class _Layer:
    """One coding: its members one after the other, within the limits."""

    __slots__ = ("_in_bytes", "_limits", "_member", "_members", "_name", "_new", "_out_bytes")

    def __init__(self, name: bytes, limits: CodingLimits) -> None:
        if name not in _MEMBERS:
            raise UnknownCoding(name)
        self._name = name.decode()
        self._new = _MEMBERS[name]
        self._limits = limits
        self._member: _Member | None = None
        self._members = 0
        self._in_bytes = 0
        self._out_bytes = 0

    @property
    def whole(self) -> bool:
        return self._member is None or self._member.ended

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE_BYTES):
            part = data[start : start + PIECE_BYTES]
            self._in_bytes += len(part)
            yield from self._decode(part)

    def _decode(self, part: bytes) -> Iterator[bytes]:
        while part or (self._member is not None and self._member.pending):
            member = self._current()
            try:
                piece = member.take(part)
            except _ERRORS as error:
                raise Malformed(f"the body is not {self._name} as its content-encoding says") from error
            part = member.rest
            if piece:
                self._count(len(piece))
                yield piece

    def _current(self) -> _Member:
        if self._member is None or self._member.ended:
            if self._members and self._name == "br":
                raise Malformed("bytes follow the end of the br stream")
            if self._members == MAX_MEMBERS:
                raise BeyondLimits(f"the body has more than {MAX_MEMBERS} {self._name} members")
            self._members += 1
            self._member = self._new()
        return self._member

    def _count(self, size: int) -> None:
        limits = self._limits
        self._out_bytes += size
        if self._out_bytes > limits.size_bytes:
            raise BeyondLimits(f"the body is larger than {limits.size_bytes} bytes once decoded")
        if limits.ratio is None or self._out_bytes <= limits.free_bytes:
            return
        if self._out_bytes > limits.ratio * self._in_bytes:
            raise BeyondLimits(f"the body grows to more than {limits.ratio} times its size once decoded")


class _Zlib:
    """Both of zlib's formats and the bare one, by its window bits."""

    __slots__ = ("_inflater", "ended", "pending", "rest")

    def __init__(self, window_bits: int) -> None:
        self._inflater = zlib.decompressobj(window_bits)
        self.ended = self.pending = False
        self.rest = b""

    def take(self, data: bytes) -> bytes:
        piece = self._inflater.decompress(data, PIECE_BYTES)
        self.ended = self._inflater.eof
        self.rest = self._inflater.unused_data if self.ended else self._inflater.unconsumed_tail
        self.pending = len(piece) >= PIECE_BYTES and not self.ended
        return piece


class _Deflate:
    """zlib's format (RFC 1950), or the bare one that some senders take `deflate` for: two bytes tell."""

    __slots__ = ("_head", "_zlib", "ended", "pending", "rest")

    def __init__(self) -> None:
        self._head = b""
        self._zlib: _Zlib | None = None
        self.ended = self.pending = False
        self.rest = b""

    def take(self, data: bytes) -> bytes:
        if self._zlib is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            wrapped = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._zlib = _Zlib(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        piece = self._zlib.take(data)
        self.ended, self.pending, self.rest = self._zlib.ended, self._zlib.pending, self._zlib.rest
        return piece


class _Zstd:
    __slots__ = ("_inflater", "ended", "pending", "rest")

    def __init__(self) -> None:
        self._inflater = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
        )
        self.ended = self.pending = False
        self.rest = b""

    def take(self, data: bytes) -> bytes:
        piece = self._inflater.decompress(data, PIECE_BYTES)
        self.ended = self._inflater.eof
        self.rest = self._inflater.unused_data if self.ended else b""
        self.pending = not (self.ended or self._inflater.needs_input)
        return piece


class _Br:
    __slots__ = ("_inflater", "ended", "pending", "rest")

    def __init__(self) -> None:
        self._inflater = brotli.Decompressor()
        self.ended = self.pending = False
        self.rest = b""

    def take(self, data: bytes) -> bytes:
        piece: bytes = self._inflater.process(data, output_buffer_limit=PIECE_BYTES)
        self.ended = self._inflater.is_finished()
        # It accepts more once it took all, though not all of it may have come out yet.
        full = len(piece) >= PIECE_BYTES or not self._inflater.can_accept_more_data()
        self.pending = full and not self.ended
        return piece


def _gzip() -> _Zlib:
    return _Zlib(16 + zlib.MAX_WBITS)


_MEMBERS: dict[bytes, Callable[[], _Member]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _Deflate,
    b"br": _Br,
    b"zstd": _Zstd,
}
_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)
