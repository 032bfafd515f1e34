"""The fast door: HTTP/1.1 read off the raw socket, under hypercorn's own TCP server.

What it does not carry (HTTP/2, HTTP/1.0) is replayed into hypercorn, byte for byte,
and that connection stays there.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import trio

from proxy.edge.exchange import FastExchange
from proxy.edge.limits import DoorLimits
from proxy.edge.replay import HTTP2_PREFACE
from proxy.edge.scope_head import refusal
from proxy.gateway.exchange import Exchange
from proxy.wire.form import RequestHead, asks_for_websocket
from proxy.wire.gone import ClientGone
from proxy.wire.head import BadRequest, find_head_end
from proxy.wire.head_parser import HeadParser
from proxy.wire.link import Link
from proxy.wire.parking import Carrier, Late, Parking
from proxy.wire.reactor import Reactor

BLANKS = b"\r\n"
"""Before a head (RFC 9112 section 2.2)."""
LEAVINGS = (ClientGone, OSError, trio.BrokenResourceError, trio.ClosedResourceError)
"""How connections end that were broken off: nobody's bug."""
LINGER_S = 2.0
"""How long a client that is still sending gets to read why it was refused."""
LINGER_BYTES = 1024 * 1024


class Doorway:
    """What the connections of one worker share. `limits` and `serve` may be exchanged: the next request has the new."""

    def __init__(
        self, reactor: Reactor, limits: DoorLimits, serve: Callable[[Exchange], Awaitable[None]]
    ) -> None:
        self.reactor = reactor
        self.limits = limits
        self.serve = serve
        self.parser = HeadParser(limits.header_bytes, limits.headers, limits.head_memory_bytes)
        self.connections: set[ClientConnection] = set()
        self.draining = False

    def drain(self) -> None:
        """Close what is idle; what is busy closes after its answer."""
        self.draining = True
        for connection in self.connections:
            connection.drain()


class ClientConnection:
    """One client's HTTP/1.1 connection: requests one after the other, in one task."""

    __slots__ = ("_exchanging", "buffer", "carrier", "doorway", "link", "parking")

    def __init__(self, doorway: Doorway, sock: socket.socket) -> None:
        self.doorway = doorway
        self.carrier = Carrier()
        self.parking = Parking(doorway.reactor, self.carrier)
        self.link = Link(doorway.reactor, sock, self.parking)
        self.link.is_client = True
        self.buffer = b""
        self._exchanging: FastExchange | None = None

    def drain(self) -> None:
        """The answer that is not yet on its way says that it is the last; an idle connection closes."""
        if self._exchanging is not None:
            self._exchanging.closing = True
        self.parking.wake()

    async def run(self) -> bytes | None:
        """Serve until the connection ends. Returns the bytes to replay when the request is not for this door."""
        doorway = self.doorway
        frames_follow = False
        while True:
            self.carrier.share()
            raw = await self._read_head()
            if raw is None:
                return None
            try:
                head, length = doorway.parser.parse(raw)
            except BadRequest as bad:
                return await self._refuse(bad, raw)
            if not head.opening.modern:
                await self._catch_up()
                return raw + self.buffer
            exchange = FastExchange(doorway.limits, self.link, head, length, self.buffer)
            exchange.closing = not head.form.keep_alive or doorway.draining
            if head.form.upgrade and asks_for_websocket(head):
                exchange.closing = frames_follow = True
            self._exchanging = exchange
            await doorway.serve(exchange)
            self._exchanging = None
            self.buffer = exchange.leftover
            if exchange.closing and (frames_follow or not exchange.body_read):
                await self._linger()
            if exchange.closing or doorway.draining or self.parking.gone:
                return None

    async def _read_head(self) -> bytes | None:
        """The next request's head with its blank line; None when there is none to come."""
        data = self.buffer
        deadline = time.monotonic() + self.doorway.limits.keep_alive_s
        while not data or data[0] in BLANKS:
            data = data.lstrip(b"\r\n") or await self._receive(deadline, idle=True)
            if not data:
                return None
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return await self._read_long_head(data)
        self.buffer = data[end:]
        return data[:end]

    async def _read_long_head(self, start: bytes) -> bytes | None:
        """A head that came in pieces. Each piece is searched once."""
        data = bytearray(start)
        deadline = time.monotonic() + self.doorway.limits.header_timeout_s
        while True:
            if len(data) > self.doorway.limits.header_bytes:
                self.buffer = b""
                return bytes(data)
            searched = max(0, len(data) - 3)
            more = await self._receive(deadline)
            if not more:
                return None
            data += more
            end = find_head_end(data, searched)
            if end >= 0:
                self.buffer = bytes(data[end:])
                return bytes(data[:end])

    async def _receive(self, deadline: float, *, idle: bool = False) -> bytes:
        """b"" when the client left, was too slow, or idles while the worker drains."""
        link, parking = self.link, self.parking
        try:
            while True:
                if link.readable:
                    data = link.recv()
                    if data is not None:
                        return data
                if parking.gone or (idle and self.doorway.draining and link.caught_up):
                    return b""
                await parking.park(deadline)
        except (Late, OSError):
            return b""

    async def _catch_up(self) -> None:
        """The answers before go out first. Raises ClientGone when they are not taken."""
        deadline = time.monotonic() + self.doorway.limits.write_timeout_s
        while not self.link.caught_up:
            if self.parking.gone:
                raise ClientGone
            try:
                await self.parking.park(deadline)
            except Late as late:
                raise ClientGone from late

    async def _refuse(self, bad: BadRequest, raw: bytes) -> bytes | None:
        if raw.startswith(HTTP2_PREFACE):
            return raw + self.buffer
        head = RequestHead.of(b"GET", b"/", ())
        exchange = FastExchange(self.doorway.limits, self.link, head, 0, b"")
        exchange.closing = True
        await exchange.answer(refusal(bad).reply())
        await self._linger()
        return None

    async def _linger(self) -> None:
        """Closing on unread bytes would reset the connection under the answer (RFC 9112 section 9.6)."""
        self.link.sock.shutdown(socket.SHUT_WR)
        deadline, read_bytes = time.monotonic() + LINGER_S, 0
        while read_bytes < LINGER_BYTES:
            data = await self._receive(deadline)
            if not data:
                return
            read_bytes += len(data)


async def serve_socket(
    doorway: Doorway, sock: socket.socket, fall_back: Callable[[socket.socket, bytes], Awaitable[None]]
) -> None:
    """Serve one accepted socket to its end, whatever comes of it: nothing of it reaches the other connections.

    `fall_back` takes the socket with what was read when it is not for this door. Raises nothing but cancellation.
    """
    with doorway.reactor.walls.connections.around(partial(peer_of, sock), LEAVINGS):
        try:
            connection = ClientConnection(doorway, sock)
        except BaseException:
            sock.close()
            raise
        doorway.connections.add(connection)
        try:
            await _serve(connection, fall_back)
        finally:
            doorway.connections.discard(connection)
            connection.parking.close()
            connection.link.close()


async def _serve(
    connection: ClientConnection, fall_back: Callable[[socket.socket, bytes], Awaitable[None]]
) -> None:
    doorway = connection.doorway
    if len(doorway.connections) > doorway.limits.max_connections:
        return
    replayed = await connection.carrier.carry(connection.run())
    if replayed is None:
        return
    peer = peer_of(connection.link.sock)  # who takes the socket over closes it
    with doorway.reactor.walls.connections.around(lambda: peer, LEAVINGS):
        await fall_back(connection.link.release(), replayed)


def peer_of(sock: socket.socket) -> str:
    """The client's address, for the log."""
    try:
        name = sock.getpeername()
    except OSError:
        return "of somebody who has left"
    return f"from {name[0]}:{name[1]}" if isinstance(name, tuple) else "from a local socket"


FallBack: TypeAlias = Callable[[socket.socket, bytes], Awaitable[None]]
"""Takes a socket with what was read of it."""


class FastDoor:
    """Serves accepted connections: as fast as it can be, or as who carries the others does."""

    def __init__(self, doorway: Doorway, fall_back: FallBack) -> None:
        self._doorway = doorway
        self._fall_back = fall_back

    async def serve(self, sock: socket.socket) -> None:
        """One connection to its end. Raises nothing but cancellation."""
        await serve_socket(self._doorway, sock, self._fall_back)
