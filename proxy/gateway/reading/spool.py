"""A body that is kept whole until it is understood: in memory while it is small, then in a file without a name.

The file is unlinked from the start (tempfile(3)'s O_TMPFILE), so that no end of the process leaves it behind. Disks
stall, so every call that reaches one is made in a thread, and few at once.
"""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

import msgspec
import trio

from proxy.errors import Fault, GatewayError
from proxy.gateway.reading.budget import Lease
from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.parking import Parking
from proxy.wire.uplink import Uplink

BLOCK_BYTES = 1024 * 1024
"""Written at once: gathered until then, so that a body of small pieces costs few writes."""
READ_BYTES = 256 * 1024
"""Read at once, when the body goes upstream."""
DISK_THREADS = 4
"""Per worker: more would only queue at the disk, and the threads of others (DNS) are not theirs."""
PERSISTENT = "/var/tmp"  # noqa: S108 - a folder; the file in it has no name
"""Where /tmp is memory, as on many systems, this is not (FHS section 5.15)."""

Edit = tuple[tuple[int, int], bytes]
"""Bytes in the place of what lies between two offsets."""

log = logging.getLogger("sluice")

_threads: Final = trio.CapacityLimiter(DISK_THREADS)


class SpoolLimits(msgspec.Struct, frozen=True):
    memory_bytes: int
    """A longer body goes to the disk."""
    size_bytes: int
    folder: str | None = None


class Spool:
    """Write it to its end, then take `in_memory`, or a `source` for each attempt; then `close`, in every case."""

    def __init__(self, limits: SpoolLimits, memory: Lease, disk: Lease, parking: Parking) -> None:
        self.size_bytes = 0
        self._limits = limits
        self._memory = memory
        self._disk = disk
        self._parking = parking
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._fd: int | None = None

    async def write(self, piece: bytes) -> None:
        """Raises GatewayError 413 for a body over its limit, 503 where all of the disk's share is taken, 507."""
        limits = self._limits
        self.size_bytes += len(piece)
        if self.size_bytes > limits.size_bytes:
            raise form_too_large(limits.size_bytes)
        self._pieces.append(piece)
        self._pending_bytes += len(piece)
        crowded = not self._memory.try_take(len(piece))
        small = limits.memory_bytes if self._fd is None else BLOCK_BYTES
        if crowded or self._pending_bytes > small:
            await self._flush()

    async def end(self) -> None:
        """Nothing more is written."""
        if self._fd is not None and self._pieces:
            await self._flush()

    @property
    def on_disk(self) -> bool:
        return self._fd is not None

    def in_memory(self) -> bytes:
        assert self._fd is None
        return b"".join(self._pieces)

    def source(self, edits: Iterable[Edit]) -> SpoolSource:
        """The body with these edits, which do not overlap; the file is read anew for each."""
        assert self._fd is not None
        return SpoolSource(self._fd, self.size_bytes, edits)

    def close(self) -> None:
        self._pieces = []
        self._memory.close()
        self._disk.close()
        fd, self._fd = self._fd, None
        if fd is not None:  # freeing the blocks of a large file takes a disk's time too
            trio.lowlevel.start_thread_soon(partial(os.close, fd), _ignore)

    async def _flush(self) -> None:
        self._disk.take(self._pending_bytes)
        pieces, self._pieces, self._pending_bytes = self._pieces, [], 0
        await self._parking.own()
        try:
            if self._fd is None:
                self._fd = await trio.to_thread.run_sync(_nameless, self._limits.folder, limiter=_threads)
            await trio.to_thread.run_sync(_append, self._fd, pieces, limiter=_threads)
        except OSError as error:
            raise disk_failed(error) from error
        self._memory.close()


class SpoolSource:
    """Implements upstream.client.BodySource."""

    def __init__(self, fd: int, size_bytes: int, edits: Iterable[Edit]) -> None:
        self._fd = fd
        self._plan = tuple(_plan(size_bytes, edits))
        self.length = sum(map(_length, self._plan))

    async def send_to(self, uplink: Uplink) -> None:
        """Raises Answered, Late, ClientGone; GatewayError 507."""
        for step in self._plan:
            piece = step if isinstance(step, bytes) else await self._read(uplink.link, *step)
            await uplink.write(piece)

    async def _read(self, link: Link, start: int, end: int) -> bytes:
        parking = link.parking
        assert parking is not None
        if parking.gone:
            raise ClientGone
        await parking.own()
        try:
            piece = await trio.to_thread.run_sync(os.pread, self._fd, end - start, start, limiter=_threads)
        except OSError as error:
            raise disk_failed(error) from error
        if len(piece) != end - start:
            raise disk_failed(OSError(errno.EIO, os.strerror(errno.EIO)))
        return piece


_Step = bytes | tuple[int, int]
"""Bytes to send, or offsets in the file."""


def _plan(size_bytes: int, edits: Iterable[Edit]) -> Iterator[_Step]:
    at = 0
    for (start, end), instead in (*sorted(edits), ((size_bytes, size_bytes), b"")):
        yield from ((each, min(each + READ_BYTES, start)) for each in range(at, start, READ_BYTES))
        if instead:
            yield instead
        at = end


def _length(step: _Step) -> int:
    return len(step) if isinstance(step, bytes) else step[1] - step[0]


def _nameless(folder: str | None) -> int:
    """A file descriptor. Raises OSError."""
    if folder is None:
        folder = PERSISTENT if os.access(PERSISTENT, os.W_OK) else tempfile.gettempdir()
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        return os.dup(file.fileno())


def _append(fd: int, pieces: Iterable[bytes]) -> None:
    """Raises OSError."""
    rest = memoryview(b"".join(pieces))
    while rest:
        written = os.write(fd, rest)
        rest = rest[written:]


def _ignore(_: object) -> None:
    """Nobody waits for a file to be closed."""


def form_too_large(limit_bytes: int) -> GatewayError:
    message = f"The form exceeds this gateway's limit of {limit_bytes} bytes (sluice_settings.form_limit_mb)."
    return GatewayError(413, message, code="request_too_large")


def disk_failed(error: OSError) -> GatewayError:
    """The folder and the errno are the operator's business; the client learns that it is not the form's fault."""
    log.warning("a form could not be kept on disk (sluice_settings.spool_folder): %s", error.strerror)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk that it keeps large forms on is full" if full else "it cannot keep large forms on disk"
    message = f"The gateway cannot take this form: {reason}. A form that fits into memory can be sent."
    return GatewayError(507, message, kind="server_error", code="insufficient_storage", fault=Fault.GATEWAY)
