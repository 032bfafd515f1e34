"""A body that moves from the client's socket to the upstream's."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
import trio

from proxy.edge.body import SocketBody
from proxy.edge.limits import DoorLimits
from proxy.errors import GatewayError
from proxy.wire.head import CHUNKED
from proxy.wire.link import Link
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor
from proxy.wire.uplink import Uplink
from tests.edge.test_exchange import LIMITS

SOON_S = 0.05


class Between:
    """The gateway's two links, and their other ends."""

    def __init__(self, reactor: Reactor) -> None:
        parking = Parking(reactor)
        near, self.client = socket.socketpair()
        far, self.upstream = socket.socketpair()
        self.from_client, self.to_upstream = Link(reactor, near, parking), Link(reactor, far, parking)
        self.from_client.is_client = True

    def body(self, length: int, limits: DoorLimits = LIMITS) -> SocketBody:
        return SocketBody(self.from_client, b"", length, limits, expects_continue=False)

    def close(self) -> None:
        for end in (self.from_client, self.to_upstream, self.client, self.upstream):
            end.close()


@pytest.fixture
async def between() -> AsyncIterator[Between]:
    reactor = Reactor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.run)
        links = Between(reactor)
        yield links
        links.close()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("length", "said"), [(100, b"beginning"), (CHUNKED, b"9\r\nbeginning\r\n")])
async def test_the_requests_end_holds_for_a_body_that_still_moves(
    between: Between, length: int, said: bytes
) -> None:
    between.client.send(said)
    with trio.fail_after(1), pytest.raises(Late):
        await between.body(length).send_to(Uplink(between.to_upstream, 60.0, time.monotonic() + SOON_S))
    assert between.upstream.recv(100) == said


async def test_a_body_that_stops_coming_is_the_clients_fault(between: Between) -> None:
    with trio.fail_after(3), pytest.raises(GatewayError) as caught:
        await between.body(100).send_to(Uplink(between.to_upstream, 60.0, time.monotonic() + 60))
    assert caught.value.status == 408


LARGE = bytes(range(256)) * 800
IMPATIENT = msgspec.structs.replace(LIMITS, body_timeout_s=SOON_S)


async def test_a_large_body_that_comes_in_pieces_smaller_than_are_gathered(between: Between) -> None:
    """A slow client is not a silent one: what has come by the time limit counts."""

    async def send_slowly() -> None:
        for at in range(0, len(LARGE), 80_000):
            between.client.send(LARGE[at : at + 80_000])
            await trio.sleep(2 * SOON_S)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_slowly)
            body = await between.body(len(LARGE), IMPATIENT).read_all(len(LARGE))
    assert body == LARGE


async def test_a_large_body_that_stops_coming(between: Between) -> None:
    between.client.send(LARGE[:1000])
    with trio.fail_after(5), pytest.raises(GatewayError) as caught:
        await between.body(len(LARGE), IMPATIENT).read_all(len(LARGE))
    assert caught.value.status == 408


async def test_the_next_requests_first_byte_wakes_its_reader(between: Between) -> None:
    """Nothing is gathered any more when the body is there."""
    between.client.send(LARGE)
    body = between.body(len(LARGE))
    assert await body.read_all(len(LARGE)) == LARGE
    between.client.send(b"G")
    with trio.fail_after(1):
        assert await between.from_client.read(time.monotonic() + 60) == b"G"
