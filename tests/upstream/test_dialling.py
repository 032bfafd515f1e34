"""Connections made on the reactor: addresses in turn, the next one early, and whose fault it is when none answers."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import trio
import trio.testing

from loadtest.mock_upstream import unanswered_port
from proxy.upstream.destination import Endpoint
from proxy.upstream.dialling import STAGGER_S, Dialler, Race, in_turn
from proxy.upstream.resolving import Address, Resolver
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor

SOON_S = 5.0


def v4(host: str, port: int) -> Address:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))


def v6(host: str, port: int) -> Address:
    return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))


@pytest.fixture
async def reactor(nursery: trio.Nursery) -> Reactor:
    made = Reactor()
    nursery.start_soon(made.run)
    return made


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port that is held, and refuses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    async with unanswered_port() as port:
        yield port


async def first(reactor: Reactor, *addresses: Address, limit_s: float = SOON_S) -> socket.socket:
    race = Race(reactor, Parking(reactor), addresses)
    try:
        return await race.first(time.monotonic() + limit_s)
    finally:
        race.end()
        assert len(reactor) == 0, "whatever came of it, nobody is left on the reactor"


async def test_an_address_that_refuses_has_the_next_tried_at_once(reactor, listening, refusing) -> None:
    began = time.monotonic()
    with await first(reactor, v4("127.0.0.1", refusing), v4("127.0.0.1", listening)) as sock:
        assert sock.getpeername()[1] == listening
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert time.monotonic() - began < STAGGER_S


async def test_beside_an_address_that_says_nothing_the_next_is_tried(reactor, listening, silent) -> None:
    began = time.monotonic()
    with await first(reactor, v4("127.0.0.1", silent), v4("127.0.0.1", listening)) as sock:
        assert sock.getpeername()[1] == listening
    assert time.monotonic() - began >= STAGGER_S


async def test_when_all_refuse_the_error_is_theirs(reactor, refusing) -> None:
    with pytest.raises(ConnectionRefusedError):
        await first(reactor, v4("127.0.0.1", refusing), v4("127.0.0.1", refusing))


async def test_what_this_machine_lacks_is_told_before_what_addresses_say(
    reactor, refusing, monkeypatch
) -> None:
    def lacks(family: int, *_more: int) -> None:
        raise OSError(errno.EMFILE, "none left")

    race = Race(reactor, Parking(reactor), [v4("127.0.0.1", refusing), v4("127.0.0.1", refusing)])
    race._begin(v4("127.0.0.1", refusing))
    monkeypatch.setattr("proxy.upstream.dialling.socket.socket", lacks)
    with pytest.raises(OSError, match="none left"):
        await race.first(time.monotonic() + SOON_S)
    race.end()


async def test_nobody_answers_in_time(reactor, silent) -> None:
    with pytest.raises(Late):
        await first(reactor, v4("127.0.0.1", silent), limit_s=0.05)


async def test_a_client_that_leaves_ends_it(reactor, silent, nursery) -> None:
    parking = Parking(reactor)
    race = Race(reactor, parking, [v4("127.0.0.1", silent)])

    async def leave() -> None:
        parking.leave()

    nursery.start_soon(leave)
    with trio.fail_after(SOON_S), pytest.raises(ClientGone):
        await race.first(time.monotonic() + SOON_S)
    race.end()
    assert len(reactor) == 0


async def test_a_host_without_addresses_is_unreachable(reactor) -> None:
    with pytest.raises(OSError, match="the host has no address"):
        await first(reactor)


def test_families_take_turns_and_the_resolvers_first_stays_first() -> None:
    a, b, c, d = v6("::1", 1), v6("::2", 1), v4("1.1.1.1", 1), v6("::3", 1)
    assert in_turn([a, b, c, d]) == [a, c, b, d]
    assert in_turn([c, a, b]) == [c, a, b]
    assert in_turn([]) == []


async def test_names_are_looked_up_once_and_addresses_never(reactor, listening, nursery) -> None:
    asked: list[bytes] = []

    def look_up(host: bytes, *_what: object) -> list[Address]:
        asked.append(host)
        return [v4("127.0.0.1", 0)]

    resolver = Resolver(30.0, 300.0, look_up)
    nursery.start_soon(resolver.run)
    await trio.testing.wait_all_tasks_blocked()
    dialler = Dialler(reactor, resolver)
    for host in ("upstream.test", "127.0.0.1", "upstream.test"):
        sock = await dialler.dial(
            Parking(reactor), Endpoint(host, listening, tls=False), time.monotonic() + SOON_S
        )
        assert sock.getpeername()[1] == listening
        sock.close()
    assert asked == [b"upstream.test"]


async def test_a_host_that_cannot_be_a_name_is_an_os_error(reactor) -> None:
    dialler = Dialler(reactor, Resolver(30.0, 300.0))
    with pytest.raises(OSError, match="no host has such a name"):
        await dialler.dial(
            Parking(reactor), Endpoint("a" * 70 + ".test", 80, tls=False), time.monotonic() + SOON_S
        )
