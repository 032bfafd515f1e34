"""The mock upstream in a thread of its own, for callers in threads and in event loops of theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from loadtest.answers import Answer, Answerer, RawRequest
from loadtest.mock_upstream import MockUpstream, mock_upstream

CLOSED_S = 30.0
"""For what happens at once; the machine may be loaded."""


class Upstream:
    def __init__(self, mock: MockUpstream, token: trio.lowlevel.TrioToken) -> None:
        self.mock = mock
        self._token = token
        self.base = f"{mock.url}/v1"

    def script(self, *answers: Answer | Answerer) -> None:
        self.mock.script(*answers)

    @property
    def requests(self) -> list[RawRequest]:
        return self.mock.requests

    def closed(self, connection: int = -1) -> bool:
        """Whether the caller closes that connection, the latest by default."""
        return trio.from_thread.run(self.mock.closed_within, CLOSED_S, connection, trio_token=self._token)

    def received(self, count: int) -> None:
        """Waits for so many requests."""
        trio.from_thread.run(self.mock.received, count, trio_token=self._token)

    @property
    def open_connections(self) -> int:
        return trio.from_thread.run_sync(lambda: self.mock.open_connections, trio_token=self._token)


@contextmanager
def upstream_in_a_thread() -> Iterator[Upstream]:
    there: list[Upstream] = []
    ready, done = threading.Event(), trio.Event()

    async def serve() -> None:
        async with mock_upstream() as mock:
            there.append(Upstream(mock, trio.lowlevel.current_trio_token()))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    ready.wait()
    tell: Callable[[], None] = done.set
    try:
        yield there[0]
    finally:
        there[0]._token.run_sync_soon(tell)
        thread.join()
