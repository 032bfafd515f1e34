"""Streamed answers: iterators of chunks in threads, asynchronous ones in tasks.

One that is not read to its end closes its connection when it is let go, or by `close()`; `with` does so at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx

from sluice.answers.fields import Fields
from sluice.course import Answered
from sluice.events import Chunks
from sluice.telling import Teller, awaited, left
from sluice.transport.tasks import cut

C = TypeVar("C", bound=Fields)
LINGER_S = 1.0
"""How long the end of a body is waited for behind its last event, so that its connection may be used again."""
_BROKEN = (httpx.HTTPError, httpx.StreamError)


class Stream(Chunks[C], Iterator[C]):
    def __init__(self, answered: Answered, kind: type[C], teller: Teller | None = None) -> None:
        super().__init__(answered, kind, teller)
        self._body = self.response.iter_bytes()

    def __next__(self) -> C:
        """Raises SluiceError where the provider tells an error, or breaks off."""
        try:
            while not self._read:
                if self._done:
                    self._over()
                self._feed_next()
        except BaseException:
            self.close()
            raise
        return self._read.popleft()

    def _feed_next(self) -> None:
        try:
            piece = next(self._body, None)
        except _BROKEN as error:
            self._break(error)
            return
        if piece is None:
            self._end()
        else:
            self._feed(piece)

    def _over(self) -> None:
        """Raises StopIteration, or what failed."""
        if self._failed is not None:
            raise self._failed
        with suppress(*_BROKEN):
            next(self._body, None)  # the end of its framing, which leaves the connection to the next call
        raise StopIteration

    def close(self) -> None:
        if not self._closed:
            self._over_and_done()
            self.response.close()
            left(self._tell())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read.clear()
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()


class AsyncStream(Chunks[C], AsyncIterator[C]):
    """Of asyncio's or trio's."""

    def __init__(self, answered: Answered, kind: type[C], teller: Teller | None = None) -> None:
        super().__init__(answered, kind, teller)
        self._body = self.response.aiter_bytes()
        self._soon = _soon()

    async def __anext__(self) -> C:
        """Raises SluiceError where the provider tells an error, or breaks off."""
        try:
            while not self._read:
                if self._done:
                    await self._over()
                await self._feed_next()
        except BaseException:
            await self.aclose()
            raise
        return self._read.popleft()

    async def _feed_next(self) -> None:
        try:
            piece = await self._body.__anext__()
        except StopAsyncIteration:
            self._end()
        except _BROKEN as error:
            self._break(error)
        else:
            self._feed(piece)

    async def _over(self) -> None:
        """Raises StopAsyncIteration, or what failed."""
        if self._failed is not None:
            raise self._failed
        with anyio.move_on_after(LINGER_S), suppress(StopAsyncIteration, *_BROKEN):
            await self._body.__anext__()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if not self._closed:
            self._over_and_done()
            await _let_go(self._body, self.response)
            await awaited(self._tell())

    close = aclose

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read.clear()
        await self.aclose()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self._over_and_done()
            left(self._tell())
            body, response = self._body, self.response
            with suppress(RuntimeError):  # the loop has ended, and closed all that it had
                self._soon(lambda: _let_go(body, response))


async def _let_go(body: AsyncIterator[bytes], response: httpx.Response) -> None:
    await cut(body)
    with anyio.CancelScope(shield=True), suppress(*_BROKEN):
        await response.aclose()


def _soon() -> Callable[[Callable[[], Any]], object]:
    """What starts a task in this event loop, from wherever it is called."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()
        return lambda work: token.run_sync_soon(trio.lowlevel.spawn_system_task, work)
    loop = asyncio.get_running_loop()
    return lambda work: loop.call_soon_threadsafe(lambda: _keep(loop.create_task(work())))


_running: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """The loop itself does not."""
    _running.add(task)
    task.add_done_callback(_running.discard)
