"""Connections opened ahead: as many as were missing lately, no more than allowed, and nobody is blamed for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing

from loadtest.answers import chat, truncated
from loadtest.mock_upstream import MockUpstream
from proxy.types import ResultKind
from proxy.upstream import preopening
from proxy.upstream.connecting import Connector
from proxy.upstream.destination import Endpoint
from proxy.upstream.dialling import Dialler
from proxy.upstream.preopening import MAX_ENDPOINTS, Demand, Preopener
from proxy.upstream.resolving import Resolver
from tests.upstream.conftest import Caller
from tests.upstream.test_client import failure

HERE = Endpoint("127.0.0.1", 1, tls=False)
THERE = Endpoint("127.0.0.1", 2, tls=False)


def missed(demand: Demand, endpoint: Endpoint, count: int) -> None:
    for _ in range(count):
        demand.missed(endpoint)


def test_what_was_missing_at_once_is_wanted_for_a_while() -> None:
    demand = Demand()
    missed(demand, HERE, 64)
    missed(demand, THERE, 1)
    assert dict(demand.peaks()) == {HERE: 64, THERE: 1}
    missed(demand, HERE, 10)
    assert dict(demand.peaks()) == {HERE: 60}, "fewer now: the peak fades"
    periods = 0
    while demand.peaks():
        periods += 1
    assert 60 <= periods <= 120, "seconds: a minute or so"


def test_who_is_left_alone_is_wanted_again_when_asked_for() -> None:
    demand = Demand()
    missed(demand, HERE, 5)
    demand.peaks()
    demand.leave_alone(HERE)
    assert demand.peaks() == []
    missed(demand, HERE, 2)
    assert demand.peaks() == [(HERE, 2)]


def test_remembered_endpoints_are_bounded() -> None:
    demand = Demand()
    for port in range(MAX_ENDPOINTS + 10):
        demand.missed(Endpoint("127.0.0.1", port, tls=False))
    assert len(demand.peaks()) == MAX_ENDPOINTS


@pytest.fixture
async def opener(caller: Caller, monkeypatch, nursery: trio.Nursery) -> Preopener:
    monkeypatch.setattr(preopening, "PERIOD_S", 0.01)
    connector = Connector(caller.reactor, caller.pool, Dialler(caller.reactor, Resolver(30.0, 300.0)).dial)
    made = Preopener(caller.reactor, caller.pool, connector, most=2)
    nursery.start_soon(made.run)
    await trio.testing.wait_all_tasks_blocked()
    return made


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not true():  # noqa: ASYNC110 - nothing tells
            await trio.sleep(0.001)


async def test_a_burst_finds_its_connections_open(
    opener: Preopener, caller: Caller, mock: MockUpstream
) -> None:
    missed(opener.demand, caller.endpoint, 9)
    await until(lambda: caller.pool.idle_at(caller.endpoint) == 2 == mock.accepted)
    assert await caller.whole() == chat().body
    assert mock.accepted == 2, "no handshake was needed"


async def test_one_that_its_upstream_closed_meanwhile_costs_no_request(
    opener: Preopener, caller: Caller, mock: MockUpstream
) -> None:
    missed(opener.demand, caller.endpoint, 1)
    await until(lambda: caller.pool.idle_at(caller.endpoint) == 1)
    opener.most = 0
    await mock.connections[0]._stream.aclose()
    assert await caller.whole() == chat().body


@pytest.mark.parametrize(("method", "again"), [(b"GET", True), (b"DELETE", True), (b"POST", False)])
async def test_one_that_ends_with_its_first_request_may_have_ended_for_it(
    opener: Preopener, caller: Caller, mock: MockUpstream, method: bytes, again: bool
) -> None:
    missed(opener.demand, caller.endpoint, 1)
    await until(lambda: caller.pool.idle_at(caller.endpoint) == 1)
    opener.most = 0
    mock.script(truncated(), chat(), truncated(), chat())
    asked = caller.outbound(method=method)
    if not again:
        assert (await failure(caller.ask(asked))).kind is ResultKind.BROKEN
        assert len(mock.requests) == 1
        return
    assert await caller.whole(asked) == chat().body
    assert len(mock.requests) == 2
    assert await caller.whole() == chat().body, "it has answered once, and is as any other then"


async def test_an_upstream_that_refuses_is_left_alone(opener: Preopener, caller: Caller) -> None:
    missed(opener.demand, HERE, 3)
    await until(lambda: not opener.demand._peaks and not opener.demand._missing)
    assert opener.opened == 0


async def test_it_may_be_turned_off(opener: Preopener, caller: Caller, mock: MockUpstream) -> None:
    opener.most = 0
    missed(opener.demand, caller.endpoint, 3)
    await until(lambda: not (opener.demand._missing or opener.demand._peaks))
    assert (caller.pool.idle_at(caller.endpoint), mock.accepted) == (0, 0)
