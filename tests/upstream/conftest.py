"""A client on a running reactor, and a mock upstream to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import trio

from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.upstream.answer import Answer
from proxy.upstream.destination import Endpoint
from proxy.upstream.outbound import Outbound, Patience
from proxy.upstream.pool import ConnectionPool
from proxy.upstream.resolving import Resolver
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from tests.upstream_client import upstream_client

PATIENT = Patience(connect_s=5, write_s=5, first_byte_s=5, gap_s=5)


class Caller:
    """What one worker has, with short words for the tests."""

    def __init__(self, endpoint: Endpoint, pool: ConnectionPool) -> None:
        self.reactor = Reactor()
        self.pool = pool
        self.resolver = Resolver(30.0, 300.0)
        self.client = upstream_client(self.reactor, pool, resolver=self.resolver)
        self.endpoint = endpoint
        self.patience = PATIENT

    def parking(self) -> Parking:
        return Parking(self.reactor)

    def be(self, **seconds: float) -> None:
        self.patience = msgspec.structs.replace(self.patience, **seconds)

    def outbound(self, body: bytes = b"{}", method: bytes = b"POST", **more) -> Outbound:
        head = b"%b /v1/chat/completions HTTP/1.1\r\nHost: mock\r\n" % method
        length = more.pop("length", len(body))
        return Outbound(method, head + b"Content-Length: %d\r\n\r\n" % length, body, **more)

    async def ask(self, outbound: Outbound | None = None, parking: Parking | None = None) -> Answer:
        with trio.fail_after(10):
            return await self.client.send(
                parking or self.parking(), self.endpoint, outbound or self.outbound(), self.patience
            )

    async def whole(self, outbound: Outbound | None = None) -> bytes:
        """One exchange from end to end."""
        answer = await self.ask(outbound)
        try:
            with trio.fail_after(10):
                return await answer.read_all(100_000_000)
        finally:
            answer.close()


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    async with mock_upstream() as made:
        yield made


@pytest.fixture
async def caller(mock: MockUpstream, nursery: trio.Nursery) -> AsyncIterator[Caller]:
    made = Caller(Endpoint("127.0.0.1", mock.port, tls=False), ConnectionPool(idle_limit=3, idle_s=30))
    nursery.start_soon(made.reactor.run)
    nursery.start_soon(made.resolver.run)
    yield made
    made.pool.close()
    assert len(made.reactor) == 0, "every link that was made is closed"
