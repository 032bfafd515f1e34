"""One non-blocking socket on the reactor: plain TCP here, TLS in `tls`."""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

POST_BYTES = 16 * 1024
"""What an empty socket buffer takes whole on any system."""
RECV_BYTES = 64 * 1024
"""One read: what a socket buffer commonly holds, and one send's worth."""
_HANGUP = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_IN = select.EPOLLIN | _HANGUP

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Mover(Protocol):
    """Takes a link's events while it moves bytes from or to it."""

    def on_link_event(self, link: Link, mask: int) -> None: ...
    def fail(self, error: Exception) -> None: ...


class Link:
    """A connected socket. Reads and writes never block; the flags say whether trying is worth it."""

    __slots__ = (
        "_broke", "_posted", "_unsent", "closed", "hangup", "is_client", "mover", "parking", "reactor", "readable",
        "sock", "unasked", "wary",
    )  # fmt: skip

    def __init__(self, reactor: Reactor, sock: socket.socket, parking: Parking | None = None) -> None:
        if sock.gettimeout() != 0:
            sock.settimeout(0)
        self.reactor = reactor
        self.sock = sock
        self.parking = parking
        """Who is woken by this link's events; None while it idles in a pool."""
        self.mover: Mover | None = None
        self.is_client = False
        """A client's hangup ends everything done for it, not only its reads."""
        self.readable = True
        self.hangup = False
        self.closed = False
        self.wary = False
        """What was posted goes only if the peer has said nothing by then: it could be no answer to it."""
        self.unasked = False
        """The peer had spoken, so nothing was sent; what it said is there to be read."""
        self._broke: OSError | None = None
        """The kernel tells of a reset once; from then it looks like an end of stream."""
        self._posted = False
        """Something of this link waits in the reactor for the turn's end."""
        self._unsent = b""
        """What was posted and the socket did not take yet."""
        reactor.add(self)

    def fileno(self) -> int:
        return self.sock.fileno()

    def on_event(self, mask: int) -> None:
        """HOT. From the reactor. Remember the edge, then tell whoever is concerned."""
        if mask & _IN:
            self.readable = True
        if mask & _HANGUP:
            self._hang_up()
        if self._unsent and mask & select.EPOLLOUT:
            self._send_unsent(self._unsent)
        if self.mover is not None:
            self.mover.on_link_event(self, mask)
        elif self.parking is not None:
            self.parking.wake()

    def fail(self, error: Exception) -> None:
        """From the reactor: whoever moves its bytes ends; else it is as if its peer had hung up."""
        if self.mover is not None:
            self.mover.fail(error)
            return
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.readable = True
        self._hang_up()
        if self.parking is not None:
            self.parking.wake()

    def _hang_up(self) -> None:
        self.hangup = True
        if self.is_client and self.parking is not None:
            self.parking.leave()

    def recv(self, most_bytes: int = RECV_BYTES) -> bytes | None:
        """What is there, up to `most_bytes`; b"" at end of stream; None when nothing is there yet.

        Raises OSError when the connection broke.
        """
        try:
            data = self.sock.recv(most_bytes)
        except BlockingIOError:
            self.readable = False
            return None
        except OSError as error:
            self._broke = error
            raise
        if not data and self._broke is not None:
            raise self._broke
        # A short read drained the socket: the next byte is a new edge. After a hangup no edge follows.
        if len(data) < most_bytes and not self.hangup:
            self.readable = False
        return data

    def send(self, data: bytes | memoryview) -> int:
        """How many bytes the socket took, maybe none. Raises OSError when the connection broke."""
        if (self._posted or self._unsent) and not self._is_next():
            return 0
        return self._put(data)

    def send_pair(self, first: bytes, second: bytes) -> int:
        """`send`, of both together, without copying them."""
        return self._put_pair(first, second) if self.caught_up else 0

    def _put_pair(self, first: bytes, second: bytes) -> int:
        try:
            return self.sock.sendmsg((first, second))
        except BlockingIOError:
            return 0

    def _put(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0

    def gather(self, least_bytes: int) -> None:
        """Be woken only when so many bytes are there, or the end is; 1: by any."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least_bytes)

    @property
    def caught_up(self) -> bool:
        """The socket has taken all that was posted: a peer that does not read must not be posted more."""
        return not (self._posted or self._unsent) or self._is_next()

    def post(self, data: bytes) -> None:
        """Send all of `data` within this turn, in order with other sends, as soon as the socket takes it.

        For what its sender need not see arrive: up to POST_BYTES, where a failure shows in the next read.
        """
        self._posted = True
        self.reactor.post(self, data)

    def send_posted(self, data: bytes) -> None:
        """HOT. From the reactor."""
        self._posted = False
        if self.closed:
            return None
        if self.wary:
            self.wary = False
            if (self.readable or self.reactor.arrived(self.sock.fileno())) and self.has_spoken():
                self.unasked = True
                if self.parking is not None:
                    self.parking.wake()
                return None
        if self._unsent:
            return self._send_unsent(self._unsent + data)
        try:
            sent = self._put(data)
        except OSError:
            return None  # the next read will say
        if sent != len(data):
            self._unsent = data[sent:]
        return None

    def _send_unsent(self, unsent: bytes) -> None:
        self._unsent = b""
        try:
            sent = self._put(unsent)
        except OSError:
            return  # the next read will say
        if sent != len(unsent):
            self._unsent = unsent[sent:]

    def _is_next(self) -> bool:
        """Nothing posted is waiting to go first."""
        if self._posted:
            self.reactor.flush()
        return not self._unsent

    async def read(
        self, deadline: float, most_bytes: int = RECV_BYTES, look: Callable[[], None] | None = None
    ) -> bytes:
        """The next bytes, b"" at end of stream. Raises Late, ClientGone, OSError.

        `look`: called before each wait; what it raises ends the reading.
        """
        parking = self.parking
        assert parking is not None, "a pooled link has no reader"
        while not parking.gone:
            if self.readable:
                data = self.recv(most_bytes)
                if data is not None:
                    return data
            if look is not None:
                look()
            await parking.park(deadline)
        raise ClientGone

    async def write(self, data: bytes | memoryview, limit_s: float, until: float = math.inf) -> None:
        """All of it, within `limit_s` and before `until` (monotonic seconds).

        Raises Late when the peer did not take it in time, ClientGone, OSError.
        """
        sent = self.send(data)
        if sent == len(data):
            return
        parking = self.parking
        assert parking is not None, "a pooled link has no writer"
        rest = memoryview(data)[sent:]
        deadline = min(time.monotonic() + limit_s, until)
        while rest:
            if parking.gone:
                raise ClientGone
            await parking.park(deadline)
            sent = self.send(rest)
            rest = rest[sent:]

    def spoke(self) -> bool:
        """Something came, or the end did; it stays there for `recv`."""
        if not self.readable:
            return False
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.readable = False
            return False
        except OSError:
            pass  # recv will say
        return True

    def has_spoken(self) -> bool:
        """`spoke`, though the reactor may not have heard of it yet."""
        if self.reactor.arrived(self.sock.fileno()):
            self.readable = True
        return self.readable and self.spoke()

    def overhear(self) -> bytes | None:
        """What came while nobody asked, which is lost then; None: nothing, so it may be kept; b"": it is no use."""
        if self.closed or self.hangup or self._unsent:
            return self._last_words()
        if not self.readable:
            return None
        try:
            return self.recv()
        except OSError:
            return b""

    def _last_words(self) -> bytes:
        try:
            return b"" if self.closed else self.recv() or b""
        except OSError:
            return b""

    def release(self) -> socket.socket:
        """Leave the reactor and give the socket away, still open."""
        self.reactor.remove(self)
        self.closed = True
        self.parking = self.mover = None
        return self.sock

    def close(self) -> None:
        """Close at once. Idempotent."""
        if not self.closed:
            if self._posted and self.is_client:
                self.reactor.flush()
            self.release().close()
