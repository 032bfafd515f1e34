"""Free calls on real sockets: what confirms a suspicion, and what does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
import pytest
import trio

from loadtest.answers import JSON_TYPE, Answer, chat, error, reset, stalled
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.gateway.trying import confirming
from proxy.gateway.trying.confirming import AT_ONCE, WAITING, Confirmer
from proxy.providers.dialect import own_headers
from proxy.routing.router import Suspicion
from proxy.types import Deployment, Result, ResultKind
from proxy.upstream.destination import Destination, Endpoint
from proxy.upstream.pool import ConnectionPool
from proxy.wire.reactor import Reactor
from tests.upstream_client import upstream_client

SCOPES = "You have insufficient permissions for this operation. Missing scopes: api.model.read."


def saying(status: int, message: str, code: str | None = None) -> Answer:
    """Without `code`, without a word that decides."""
    return Answer(status, (JSON_TYPE,), msgspec.json.encode({"error": {"message": message, "code": code}}))


class Stage:
    def __init__(self, mock: MockUpstream, reactor: Reactor, pool: ConnectionPool) -> None:
        self.mock = mock
        endpoint = Endpoint("127.0.0.1", mock.port, False)
        self.confirmer = Confirmer(
            reactor,
            upstream_client(reactor, pool),
            lambda d: Destination(d, endpoint, b"/v1", b"mock", own=own_headers(d)),
        )
        self.told: list[bool] = []
        self._heard = trio.Event()

    def hear(self, deployment: Deployment) -> None:
        self.confirmer.hear(
            Suspicion(deployment, Result(ResultKind.AUTH, 401, certain=False), "call", 0.0), self._tell
        )

    def _tell(self, _suspicion: object, refused: bool) -> None:
        self.told.append(refused)
        self._heard.set()
        self._heard = trio.Event()

    async def verdicts(self, count: int = 1) -> list[bool]:
        with trio.fail_after(5):
            while len(self.told) < count:
                await self._heard.wait()
        return self.told


@pytest.fixture
async def stage(nursery: trio.Nursery) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        mock = await stack.enter_async_context(mock_upstream())
        reactor, pool = Reactor(), ConnectionPool(9, 9.0)
        stack.callback(pool.close)
        nursery.start_soon(reactor.run)
        yield Stage(mock, reactor, pool)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (error(401), True),
        (error(403), True),
        (error(402), True),
        (error(401, "Incorrect API key provided: sk-up***"), True),
        (saying(403, SCOPES), False),
        (saying(401, "Not you."), True),
        (saying(403, "Not you."), True),
        (chat(), False),
        (error(404), False),
        (error(405), False),
        (error(429), False),
        (saying(429, "You exceeded your current quota.", "insufficient_quota"), True),
        (saying(400, "API key not valid.", "API_KEY_INVALID"), True),
        (saying(400, "Not so.", "made_up"), False),
        (error(500), False),
        (reset(), False),
    ],
    ids=str,
)
async def test_what_confirms(
    stage: Stage,
    a_deployment: Callable[..., Deployment],
    nursery: trio.Nursery,
    answer: Answer,
    refused: bool,
) -> None:
    stage.mock.script(answer)
    nursery.start_soon(stage.confirmer.run)
    stage.hear(a_deployment(organization="org-1", headers=((b"x-own", b"1"),)))
    assert await stage.verdicts() == [refused]
    assert (stage.confirmer.asked, stage.confirmer.refused) == (1, int(refused))
    request = stage.mock.requests[0]
    assert request.head.startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert request.header(b"authorization") == b"Bearer sk-upstream"
    assert (request.header(b"openai-organization"), request.header(b"x-own")) == (b"org-1", b"1")


async def test_silence_confirms_nothing_and_ends(
    stage: Stage,
    a_deployment: Callable[..., Deployment],
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confirming, "LONGEST_S", 0.05)
    stage.mock.script(stalled(), replace(error(401), head_delay_s=0.0))
    nursery.start_soon(stage.confirmer.run)
    stage.hear(a_deployment())
    assert await stage.verdicts() == [False]
    stage.hear(a_deployment())
    assert await stage.verdicts(2) == [False, True]


async def test_few_calls_at_once_and_what_waits_is_bounded(
    stage: Stage, a_deployment: Callable[..., Deployment], nursery: trio.Nursery
) -> None:
    stage.mock.script(lambda _: stalled())
    nursery.start_soon(stage.confirmer.run)
    await trio.testing.wait_all_tasks_blocked()
    for _ in range(WAITING + 50):
        stage.hear(a_deployment())
    assert stage.confirmer.forgotten == 49  # one is taken at once
    await stage.mock.received(AT_ONCE)
    await trio.testing.wait_all_tasks_blocked()
    assert stage.confirmer.asked == AT_ONCE
    assert len(stage.mock.requests) == AT_ONCE


async def test_a_worker_that_stops_stops_asking(
    stage: Stage, a_deployment: Callable[..., Deployment]
) -> None:
    stage.mock.script(stalled())
    async with trio.open_nursery() as asking:
        asking.start_soon(stage.confirmer.run)
        stage.hear(a_deployment())
        await stage.mock.received()
        asking.cancel_scope.cancel()
    assert await stage.mock.closed_within(2.0)
    assert stage.told == []
