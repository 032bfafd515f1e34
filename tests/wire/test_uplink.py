"""Whoever writes a request hears the answer that comes before its end."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator

import pytest
import trio

from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor
from proxy.wire.uplink import Answered, Uplink

SOON_S = 0.05
MUCH = b"x" * 10_000_000


class Ends:
    def __init__(self, reactor: Reactor) -> None:
        near, self.upstream = socket.socketpair()
        self.parking = Parking(reactor)
        self.link = Link(reactor, near, self.parking)

    def uplink(self, write_s: float = 60.0, until_s: float = 60.0) -> Uplink:
        return Uplink(self.link, write_s, time.monotonic() + until_s)


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    reactor = Reactor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.run)
        made = Ends(reactor)
        yield made
        made.link.close()
        made.upstream.close()
        nursery.cancel_scope.cancel()


async def test_an_answer_that_is_there_ends_the_writing_before_it_begins(ends: Ends) -> None:
    ends.upstream.send(b"HTTP/1.1 413 \r\n\r\n")
    with pytest.raises(Answered):
        await ends.uplink().write(b"more")
    assert ends.link.recv() == b"HTTP/1.1 413 \r\n\r\n", "it is still there"


async def test_an_answer_ends_a_write_that_waits(ends: Ends, nursery: trio.Nursery) -> None:
    async def answer() -> None:
        await trio.sleep(SOON_S)
        ends.upstream.send(b"HTTP/1.1 413 \r\n\r\n")

    nursery.start_soon(answer)
    with trio.fail_after(2), pytest.raises(Answered):
        await ends.uplink().write(MUCH)


async def test_an_upstream_that_closed_may_have_answered(ends: Ends) -> None:
    ends.upstream.close()
    with pytest.raises(Answered):
        await ends.uplink().write(MUCH)


async def test_an_upstream_that_takes_nothing_is_late(ends: Ends) -> None:
    with trio.fail_after(2), pytest.raises(Late):
        await ends.uplink(write_s=SOON_S).write(MUCH)
    with trio.fail_after(2), pytest.raises(Late):
        await ends.uplink(until_s=SOON_S).write(MUCH)


async def test_an_upstream_that_takes_a_little_at_a_time_is_not_late(
    ends: Ends, nursery: trio.Nursery
) -> None:
    async def read_slowly() -> None:
        ends.upstream.setblocking(False)
        left = len(MUCH)
        while left:
            await trio.lowlevel.wait_readable(ends.upstream)
            left -= len(ends.upstream.recv(2_000_000))
            await trio.sleep(SOON_S / 5)

    nursery.start_soon(read_slowly)
    with trio.fail_after(10):
        await ends.uplink(write_s=3 * SOON_S).write(MUCH)


async def test_a_client_that_leaves_ends_it(ends: Ends, nursery: trio.Nursery) -> None:
    async def leave() -> None:
        await trio.sleep(SOON_S)
        ends.parking.leave()

    nursery.start_soon(leave)
    with trio.fail_after(2), pytest.raises(ClientGone):
        await ends.uplink().write(MUCH)
