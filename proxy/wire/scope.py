"""A request's nursery, opened when the request first starts something.

An empty trio nursery costs some 10 us, most of it a pass through the scheduler on its way out; this scope, while
nothing is started in it, 0.1 us (loadtest/bench_scope.py). Most requests start nothing: one task, whose bytes the
reactor moves. Those that do start tasks get a real nursery, and nothing outlives it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import trio

from proxy.wire.parking import Parking
from proxy.wire.walls import Wall


class RequestScope(msgspec.Struct, eq=False):
    """Make it when the request begins; `if scope.opened: await scope.close()` in a `finally` when it ends."""

    _parking: Parking
    """Where the request waits."""
    _wall: Wall
    """Around each task: one that has a bug ends, and the request goes on without it."""
    opened: bool = False
    _manager: AbstractAsyncContextManager[trio.Nursery, bool | None] | None = None
    _nursery: trio.Nursery | None = None

    async def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run `task` beside the request. Not from inside another cancel scope: the nursery would close late."""
        if self._nursery is None:
            await self._parking.own()
            self._manager = trio.open_nursery()
            self._nursery = await self._manager.__aenter__()
            self.opened = True
        self._nursery.start_soon(self._walled, task)

    async def _walled(self, task: Callable[[], Awaitable[None]]) -> None:
        with self._wall.around(lambda: f"{task.__qualname__} beside it"):
            await task()

    async def close(self) -> None:
        """Cancel what still runs and wait for its end."""
        assert self._nursery is not None
        assert self._manager is not None
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(None, None, None)
