"""The real router and client, a mock upstream on real sockets, and a fake door."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from typing import Any

import pytest
import trio

from loadtest.answers import Answer, Fault, Framing, chat, error, reset, stalled
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.accounting.record import Record
from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.trying import judging
from proxy.gateway.trying.attempts import Attempts, Lasting
from proxy.gateway.trying.following import FollowingSettings
from proxy.gateway.trying.lane import AttemptSettings, lane_of
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.run import Run
from proxy.gateway.trying.selection import choose
from proxy.gateway.trying.sending import Sending
from proxy.providers.dialect import own_headers
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment, Outcome, Streaming, StreamMode
from proxy.upstream.destination import EVERYTHING, Destination, Endpoint
from proxy.upstream.outbound import Patience
from proxy.upstream.pool import ConnectionPool
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from proxy.wire.scope import RequestScope
from proxy.wire.uplink import Uplink
from proxy.wire.walls import Wall
from tests.upstream_client import upstream_client

PATIENCE = Patience(connect_s=1.0, write_s=1.0, first_byte_s=0.2, gap_s=0.2)
FILES = Route(Kind.THROUGH, "/files", b"/v1/files")


class Stage:
    """Three keys, tried in this order, each with an upstream of its own."""

    def __init__(
        self,
        deployments: list[Deployment],
        mocks: list[MockUpstream],
        retries: int,
        following_fields: dict[str, Any],
        parts: dict[str, Any],
    ) -> None:
        self.reactor = Reactor()
        self.mocks = mocks
        self.router = Router(deployments, RouterSettings(), store=MemoryStore(9))
        self.pool = ConnectionPool(9, 9.0)
        destinations = {
            d.id: Destination(d, Endpoint("127.0.0.1", mock.port, False), b"/v1", b"mock", own=own_headers(d))
            for d, mock in zip(deployments, mocks, strict=True)
        }
        settings = AttemptSettings(PATIENCE, math.inf, response_headers=True)
        client = upstream_client(self.reactor, self.pool)
        following = FollowingSettings(num_retries=retries, **following_fields)
        self.attempts = Attempts(
            self.router,
            destinations,
            Sending(client, Sender(EVERYTHING)),
            settings,
            following,
            Lasting(**parts),
        )

    def new_run(self, door: Any, call: Call) -> Run:
        door.parking = Parking(self.reactor)
        record = Record(call_id="call", started_unix_s=0.0, method="POST", route="")
        return Run(
            door,
            call,
            choose(call, self.router),
            record,
            time.monotonic(),
            [],
            RequestScope(door.parking, Wall("request")),
        )

    async def run(self, door: Any, call: Call) -> Record:
        run = self.new_run(door, call)
        with trio.fail_after(5):
            await self.attempts.run(run)
        return run.record

    def in_flight(self) -> int:
        return sum(status.in_flight for status in self.router.snapshot(0.0))


@pytest.fixture
async def stage(
    a_deployment: Callable[..., Deployment], nursery: trio.Nursery
) -> AsyncIterator[Callable[..., Stage]]:
    """`stage({...}, {...})`: what is special about each key; three plain ones when nothing is said."""
    async with AsyncExitStack() as stack:
        mocks = [await stack.enter_async_context(mock_upstream()) for _ in range(3)]

        def make(
            *fields: dict[str, Any], retries: int = 2, following: Any = None, parts: Any = None
        ) -> Stage:
            specials = fields or ({}, {}, {})
            found = [a_deployment(f"d{n}", order=n, **own) for n, own in enumerate(specials)]
            made = Stage(found, mocks[: len(found)], retries, following or {}, parts or {})
            nursery.start_soon(made.reactor.run)
            stack.callback(made.pool.close)
            return made

        yield make


async def test_the_first_key_answers(stage: Any, exchange: Any, a_call: Any) -> None:
    s, door = stage(), exchange()
    record = await s.run(door, a_call())
    assert b"".join(door.written) == chat().body
    assert (record.attempts, record.deployment_id, record.outcome) == (1, "d0", Outcome.OK)
    assert (record.status, record.error) == (200, None)
    assert record.first_byte_s is not None
    assert s.in_flight() == 0
    assert s.pool.idle() == 1


async def test_the_gateways_own_header_lines(stage: Any, exchange: Any, a_call: Any) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(error(500))
    await s.run(door, a_call())
    lines = dict(line.split(b": ") for line in door.extra.split(b"\r\n")[:-1])
    assert lines[b"x-litellm-call-id"] == b"call"
    assert lines[b"x-litellm-model-id"] == b"d1"
    assert lines[b"x-litellm-attempted-retries"] == b"1"
    assert float(lines[b"x-litellm-overhead-duration-ms"]) >= 0


@pytest.mark.parametrize("answers", [(error(500), error(429)), (reset(), stalled()), (error(401), reset())])
async def test_every_key_once_then_the_next(
    stage: Any, exchange: Any, a_call: Any, answers: tuple[Answer, Answer]
) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(answers[0])
    s.mocks[1].script(answers[1])
    record = await s.run(door, a_call())
    assert (record.attempts, record.deployment_id, record.error) == (3, "d2", None)
    assert [len(mock.requests) for mock in s.mocks] == [1, 1, 1]
    assert s.in_flight() == 0


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (1, 2), (2, 3)])
async def test_no_more_attempts_than_allowed_and_none_twice(
    stage: Any, exchange: Any, a_call: Any, retries: int, asked: int
) -> None:
    s, door = stage(retries=retries), exchange()
    for mock in s.mocks:
        mock.script(error(503))
    record = await s.run(door, a_call())
    assert sum(len(mock.requests) for mock in s.mocks) == asked
    assert (record.attempts, record.status, record.outcome) == (asked, 503, Outcome.UPSTREAM_ERROR)
    assert b"".join(door.written) == error(503).body
    assert s.in_flight() == 0


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_the_clients_fault_is_told_at_once(stage: Any, exchange: Any, a_call: Any, status: int) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(error(status))
    record = await s.run(door, a_call())
    assert (record.attempts, record.status, record.outcome) == (1, status, Outcome.CLIENT_ERROR)


async def test_a_conflict_is_tried_again_and_is_no_ones_failure(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(error(409))
    assert (await s.run(door, a_call())).attempts == 2
    assert s.router.snapshot(0.0)[0].failures == 0


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [(reset(), 502, "upstream_failed"), (stalled(), 504, "upstream_timeout")],
)
async def test_no_answer_from_anybody(
    stage: Any, exchange: Any, a_call: Any, answer: Answer, status: int, code: str
) -> None:
    s, door = stage({}, retries=0), exchange()
    s.mocks[0].script(answer)
    run = s.new_run(door, a_call())
    with pytest.raises(GatewayError) as caught:
        await s.attempts.run(run)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert run.record.error is not None
    assert s.in_flight() == 0


# -- bodies that are still on the wire


def upload(a_call: Any) -> Call:
    found: Call = a_call(b"", route=FILES, json=None, rest=True, length=4, target=b"/v1/files")
    return found


async def test_a_body_on_the_wire_is_sent_once(stage: Any, exchange: Any, a_call: Any) -> None:
    s, door = stage(), exchange()

    async def send_to(uplink: Uplink) -> None:
        await uplink.write(b"body")

    door.send_to = send_to
    s.mocks[0].script(error(500))
    record = await s.run(door, upload(a_call))
    assert (record.attempts, record.status) == (1, 500)
    assert s.mocks[0].requests[0].body == b"body"


async def test_a_body_that_no_connection_took_goes_to_the_next_key(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage(), exchange()

    async def send_to(uplink: Uplink) -> None:
        await uplink.write(b"body")

    door.send_to = send_to
    s.mocks[0].refuse()
    record = await s.run(door, upload(a_call))
    assert (record.attempts, record.status) == (2, 200)
    assert s.mocks[1].requests[0].body == b"body"


# -- nothing to pick


async def test_all_at_capacity_is_429(stage: Any, exchange: Any, a_call: Any) -> None:
    s = stage({"max_parallel_requests": 1})
    taken = s.router.pick(s.router.match("m").pool, 0.0)
    assert isinstance(taken, Deployment)
    with pytest.raises(GatewayError) as caught:
        await s.run(exchange(), a_call())
    assert (caught.value.status, caught.value.code) == (429, "at_capacity")
    assert caught.value.headers == ((b"retry-after", b"1"),)


async def test_all_at_their_rate_limit_is_429_with_the_time_to_wait(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s = stage({})
    s.mocks[0].script(error(429, retry_after="30"))
    await s.run(exchange(), a_call())
    with pytest.raises(GatewayError) as caught:
        await s.run(exchange(), a_call())
    assert (caught.value.status, caught.value.code) == (429, "rate_limited")
    assert caught.value.headers == ((b"retry-after", b"30"),)


# -- timeouts per deployment


@pytest.mark.parametrize(
    ("fields", "stream", "in_time"),
    [
        ({"timeout_s": 5.0}, False, True),
        ({"timeout_s": 5.0}, True, True),
        ({"timeout_s": 5.0, "stream_timeout_s": 0.1}, True, False),
        ({"timeout_s": 5.0, "stream_timeout_s": 0.1}, False, True),
        ({"stream_timeout_s": 5.0}, True, True),
        ({}, False, False),
    ],
)
async def test_whose_patience_counts(
    stage: Any, exchange: Any, a_call: Any, fields: dict[str, float], stream: bool, in_time: bool
) -> None:
    s = stage(fields, {}, retries=1)
    s.mocks[0].script(replace(chat(), head_delay_s=0.35))
    record = await s.run(exchange(), a_call(stream=stream))
    assert record.deployment_id == ("d0" if in_time else "d1")


def test_the_first_byte_limit_is_below_every_other(a_deployment: Any) -> None:
    endpoint = Endpoint("127.0.0.1", 9, False)
    found = {
        d.id: Destination(d, endpoint, b"", b"", own=own_headers(d))
        for d in (a_deployment("a", timeout_s=600.0, stream_timeout_s=60.0), a_deployment("b", timeout_s=1.0))
    }
    settings = AttemptSettings(PATIENCE, 30.0, response_headers=False)
    lanes = {id_: lane_of(destination, settings) for id_, destination in found.items()}
    assert (lanes["a"].whole.first_byte_s, lanes["a"].stream.first_byte_s) == (30.0, 30.0)
    assert (lanes["b"].whole.first_byte_s, lanes["b"].stream.first_byte_s) == (1.0, 1.0)


# -- the client, and mocked deployments


async def test_a_client_that_leaves_frees_the_slot_and_the_connection(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(stalled())
    run = s.new_run(door, a_call())
    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            await s.mocks[0].received(1)
            door.parking.leave()

        nursery.start_soon(leave)
        with pytest.raises(ClientGone):
            await s.attempts.run(run)
    assert (s.in_flight(), len(s.reactor)) == (0, 0)
    assert await s.mocks[0].closed_within(1)
    assert [status.failures for status in s.router.snapshot(0.0)] == [0, 0, 0]


async def test_a_cancelled_run_frees_the_slot_and_the_connection(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage(), exchange()
    s.mocks[0].script(stalled())
    run = s.new_run(door, a_call())
    with trio.move_on_after(0.05):
        await s.attempts.run(run)
    assert (s.in_flight(), len(s.reactor)) == (0, 0)


async def test_a_bug_in_the_relay_frees_the_slot_and_the_connection(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage(), exchange()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    door.relay = broken
    s.mocks[0].script(replace(chat(), fault=Fault.STALL, fault_at=300))
    with pytest.raises(ZeroDivisionError):
        await s.run(door, a_call())
    assert (s.in_flight(), len(s.reactor)) == (0, 0)


async def test_a_mocked_deployment_asks_nobody(stage: Any, exchange: Any, a_call: Any) -> None:
    s, door = stage({"mock_response": "hello"}), exchange()
    record = await s.run(door, a_call())
    assert b"hello" in b"".join(door.written)
    assert (record.status, record.outcome, record.deployment_id) == (200, Outcome.OK, "d0")
    assert s.mocks[0].requests == []
    assert s.in_flight() == 0


async def test_a_mocked_deployment_stands_in_for_a_failing_one(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage({}, {"mock_response": "hello"}), exchange()
    s.mocks[0].script(reset())
    record = await s.run(door, a_call())
    assert (record.outcome, record.error, record.attempts) == (Outcome.OK, None, 2)


async def test_objects_are_remembered_where_they_were_made(stage: Any, exchange: Any, a_call: Any) -> None:
    s = stage()
    s.mocks[0].script(Answer(body=b'{"id":"asst_1","object":"assistant"}'))
    call = a_call(route=Route(Kind.THROUGH, "/assistants", b"/v1/assistants"))
    await s.run(exchange(), call)
    assert s.router.store.get("asst_1") == "scope-d0"


async def test_a_files_content_teaches_nothing(stage: Any, exchange: Any, a_call: Any) -> None:
    s = stage()
    s.mocks[0].script(Answer(body=b'{"id":"asst_1","object":"assistant"}'))
    path = b"/v1/files/file-1/content"
    await s.run(exchange(), a_call(b"", json=None, method=b"GET", route=Route(Kind.THROUGH, "/files", path)))
    assert s.router.store.get("asst_1") is None


@pytest.mark.parametrize("drains", [True, False])
async def test_an_answer_whose_client_leaves_while_it_is_held_is_read_on_where_it_drains(
    stage: Any, exchange: Any, a_call: Any, monkeypatch: pytest.MonkeyPatch, drains: bool
) -> None:
    async def left(*_: object, **__: object) -> None:
        raise ClientGone

    monkeypatch.setattr(judging, "hold", left)
    s, door = stage({"streaming": Streaming(StreamMode.BUFFERED, drains=drains)}), exchange()
    s.mocks[0].script(replace(chat(), framing=Framing.CHUNKED))
    with nullcontext() if drains else pytest.raises(ClientGone):
        await s.run(door, a_call())
    assert bool(door.written) is drains  # the relay is what reads it
    assert s.in_flight() == 0
