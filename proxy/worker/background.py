"""The tasks that a worker has for good: one that raises is started again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from proxy.wire.walls import Wall

PAUSE_S = 1.0
"""Before it is started again: a task that raises at once must not take the processor."""


async def kept_up(task: Callable[[], Awaitable[object]], wall: Wall) -> None:
    """Run it to its end, again and again while it raises."""
    while True:
        with wall.around(lambda: task.__qualname__):
            await task()
            return
        await trio.sleep(PAUSE_S)
