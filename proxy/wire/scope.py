"""A request's nursery, opened when the request first starts something.

An empty trio nursery costs a pass through the scheduler on its way out, about a third of a whole proxied
request (loadtest/bench_scope.py). Most requests start nothing: one task, whose bytes the reactor moves. Those
that do start tasks get a real nursery, and nothing outlives it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import trio


class RequestScope:
    """`async with RequestScope() as scope`; on leaving, what is still running is cancelled and awaited."""

    __slots__ = ("_manager", "_nursery")

    def __init__(self) -> None:
        self._manager: AbstractAsyncContextManager[trio.Nursery, bool | None] | None = None
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> RequestScope:
        return self

    async def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run `task` beside the request. Not from inside another cancel scope: the nursery would close late."""
        if self._nursery is None:
            self._manager = trio.open_nursery()
            self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(task)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._manager is None or self._nursery is None:
            return None
        self._nursery.cancel_scope.cancel()
        return await self._manager.__aexit__(kind, error, trace)
