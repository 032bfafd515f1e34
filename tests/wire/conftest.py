"""A running reactor, and links on it whose other ends are ours."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import trio

from proxy.wire.link import Link
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

SMALL_BUFFER_BYTES = 16 * 1024


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of one loopback connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


class Bench:
    """Makes links; `peer` is the other end of the link made last with it."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.sockets: list[socket.socket] = []

    def parking(self) -> Parking:
        return Parking(self.reactor)

    def link(self, parking: Parking | None, *, narrow: bool = False) -> tuple[Link, trio.SocketStream]:
        """`narrow`: small buffers on the way from the link to its peer, so that it fills soon."""
        near, far = tcp_pair()
        if narrow:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        self.sockets += [near, far]
        far.setblocking(False)
        return Link(self.reactor, near, parking), trio.SocketStream(trio.socket.from_stdlib_socket(far))

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


@pytest.fixture
async def bench(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    reactor = Reactor()
    made = Bench(reactor)
    nursery.start_soon(reactor.run)
    yield made
    made.close()


@pytest.fixture
def idle_reactor() -> Reactor:
    """Not running: events are what the test hands to the links."""
    return Reactor()
