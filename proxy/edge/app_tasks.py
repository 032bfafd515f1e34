"""The tasks of one connection under hypercorn, in which an app that has ended takes nothing more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope


class AppTasks(TaskGroup):
    """hypercorn's own waits for ever to tell an app that has returned (of the rest of a body, of the client's leaving)
    once the queue between them is full, and holds the socket as long."""

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        told, hears = trio.open_memory_channel[ASGIReceiveEvent](config.max_app_queue_size)

        async def said(message: ASGISendEvent | None) -> None:
            if message is None:  # the app has ended
                hears.close()
            await send(message)

        async def tell(message: ASGIReceiveEvent) -> None:
            with suppress(trio.BrokenResourceError):
                await told.send(message)

        assert self._nursery is not None, "it is entered"
        threads = trio.to_thread.run_sync, trio.from_thread.run
        self._nursery.start_soon(_handle, app, config, scope, hears.receive, said, *threads)
        return tell
