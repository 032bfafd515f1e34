"""Pairs of sockets in memory, as Linux's TCP behaves: bounded buffers, bytes in flight, resets, half-closes, edges."""

from __future__ import annotations

import errno
import random
import select
import socket
from collections.abc import Callable, Sequence
from functools import partial

from loadtest.sim.clock import VirtualClock

Watch = Callable[["End"], None]
"""Called at every edge."""
SPLIT = 0.25
"""How often a write arrives in two pieces."""


class Wire:
    """What both ends of one connection share: the way between them."""

    __slots__ = ("capacity_bytes", "chance", "clock", "latency_s")

    def __init__(
        self, clock: VirtualClock, chance: random.Random, latency_s: float, capacity_bytes: int
    ) -> None:
        """`capacity_bytes`: what one side takes in advance of the other's reading it."""
        self.clock = clock
        self.chance = chance
        self.latency_s = latency_s
        self.capacity_bytes = capacity_bytes


class End:
    """One end. Speaks the part of `socket.socket` that the gateway uses, and never blocks."""

    __slots__ = (
        "_arrives", "_error", "_fd", "_flying", "_full", "_inbox", "_lingers", "_release", "_wire", "broken", "closed",
        "closed_at", "ended", "name", "peer", "shut", "taken_bytes", "watch",
    )  # fmt: skip

    def __init__(self, wire: Wire, name: str, fd: int, release: Callable[[int], None]) -> None:
        self._wire = wire
        self._fd = fd
        self._release = release
        self.name = name
        self.peer = self
        self.watch: Watch | None = None
        self._inbox = bytearray()
        self._flying = 0
        """Bytes of ours that have not arrived."""
        self._arrives = 0.0
        """When what was sent last arrives: nothing overtakes it."""
        self._full = False
        """A send found too little room: there will be an edge when there is more."""
        self._error: int | None = None
        self._lingers = True
        self.broken = False
        """Reset by the other end."""
        self.ended = False
        """The other end sends no more."""
        self.shut = False
        """This one sends no more."""
        self.closed = False
        self.closed_at = 0.0
        self.taken_bytes = 0
        """Read by whoever has this end."""

    # What the gateway calls.

    def fileno(self) -> int:
        return self._fd

    def settimeout(self, _seconds: float | None) -> None:
        """It never blocks."""

    def gettimeout(self) -> float:
        return 0.0

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER) and isinstance(value, bytes):
            self._lingers = False

    def recv(self, most: int, flags: int = 0) -> bytes:
        self._check_open()
        if self._inbox:
            data = bytes(self._inbox[:most])
            if not flags & socket.MSG_PEEK:
                del self._inbox[:most]
                self.taken_bytes += len(data)
                self.peer.heard()
            return data
        self._raise_error()
        if self.ended or self.broken:
            return b""
        raise BlockingIOError(errno.EAGAIN, "nothing there")

    def sendmsg(self, pieces: Sequence[bytes]) -> int:
        return self.send(b"".join(pieces))

    def send(self, data: bytes | memoryview) -> int:
        self._check_open()
        self._raise_error()
        if self.shut or self.broken:
            raise BrokenPipeError(errno.EPIPE, "no more to be sent")
        taken = min(len(data), self._room())
        if taken < len(data):
            self._full = True
        if not taken:
            raise BlockingIOError(errno.EAGAIN, "no room")
        self._fly(bytes(data[:taken]))
        return taken

    def shutdown(self, _how: int) -> None:
        self._check_open()
        if self.broken:
            raise OSError(errno.ENOTCONN, "not connected")
        if not self.shut:
            self.shut = True
            self._travel(self.peer.hear_end)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.closed_at = self._wire.clock.now
        self.watch = None
        if not self.broken:
            if self._inbox or not self._lingers:
                self._travel(self.peer.hear_reset)
            elif not self.shut:
                self._travel(self.peer.hear_end)
        self.shut = True
        self._release(self._fd)

    # What happens to it.

    def hear(self, data: bytes) -> None:
        self.peer._flying -= len(data)  # noqa: SLF001 - the other half of this object
        if self.closed:
            self._travel(self.peer.hear_reset)
        elif not self.broken:
            self._inbox += data
            self._edge()

    def hear_end(self) -> None:
        if not (self.closed or self.broken):
            self.ended = True
            self._edge()

    def hear_reset(self) -> None:
        if not (self.closed or self.broken):
            self.broken = True
            self._error = errno.EPIPE if self.ended else errno.ECONNRESET
            self._edge()

    def heard(self) -> None:
        """The other end has read: there may be room again."""
        if self._full and self._room() * 3 >= self._wire.capacity_bytes:
            self._full = False
            self._wire.clock.after(self._wire.latency_s, self._edge)

    @property
    def all_arrived_s(self) -> float:
        """When what was sent last, the end included, is there."""
        return self._arrives

    @property
    def unread(self) -> bool:
        """Bytes are there to be read."""
        return bool(self._inbox)

    def mask(self) -> int:
        """What an epoll would say of it now."""
        mask = 0
        if self._inbox or self.ended or self.broken:
            mask |= select.EPOLLIN
        if self.broken or (not self._full and self._room() > 0):
            mask |= select.EPOLLOUT
        if self.ended or self.broken:
            mask |= select.EPOLLRDHUP
        if self.broken or (self.ended and self.shut):
            mask |= select.EPOLLHUP
        if self._error is not None:
            mask |= select.EPOLLERR
        return mask

    # How it goes on its way.

    def _room(self) -> int:
        return self._wire.capacity_bytes - self._flying - len(self.peer._inbox)  # noqa: SLF001

    def _fly(self, data: bytes) -> None:
        self._flying += len(data)
        if len(data) > 1 and self._wire.chance.random() < SPLIT:
            at = self._wire.chance.randrange(1, len(data))
            self._travel(partial(self.peer.hear, data[:at]))
            data = data[at:]
        self._travel(partial(self.peer.hear, data))

    def _travel(self, arrive: Callable[[], None]) -> None:
        wire, clock = self._wire, self._wire.clock
        jitter = wire.chance.choice((0.0, 0.0, 0.0005, 0.003))
        self._arrives = max(self._arrives, clock.now + wire.latency_s + jitter)
        clock.after(self._arrives - clock.now, arrive)

    def _edge(self) -> None:
        if self.watch is not None:
            self.watch(self)

    def _check_open(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "closed")

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise OSError(error, "reset")


def pair(wire: Wire, near: End, far: End) -> None:
    near.peer, far.peer = far, near
