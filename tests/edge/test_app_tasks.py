"""An app that has ended takes nothing more, and nobody waits to tell it."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveEvent

from proxy.edge.app_tasks import AppTasks

PIECE: ASGIReceiveEvent = {"type": "http.request", "body": b"x", "more_body": True}
LEFT: ASGIReceiveEvent = {"type": "http.disconnect"}


class App:
    """Hears `count` messages, and ends when it is told."""

    def __init__(self, count: int) -> None:
        self.heard: list[str] = []
        self.end = trio.Event()
        self.ended = trio.Event()
        self._count = count

    async def __call__(self, _scope, receive, _send, *_threads) -> None:
        for _ in range(self._count):
            self.heard.append((await receive())["type"])
        await self.end.wait()

    async def sent(self, message: object) -> None:
        if message is None:
            self.ended.set()


@pytest.mark.parametrize("heard", [0, 1])
async def test_who_waits_to_tell_it_goes_on_when_it_ends(
    heard: int, autojump_clock: trio.testing.MockClock
) -> None:
    app, config = App(heard), Config()
    with trio.fail_after(1):
        async with AppTasks() as tasks:
            tell = await tasks.spawn_app(app, config, {}, app.sent)
            for _ in range(config.max_app_queue_size + heard):
                await tell(PIECE)
            tasks.spawn(tell, PIECE)
            await trio.testing.wait_all_tasks_blocked()
            app.end.set()
            await app.ended.wait()
            for _ in range(2 * config.max_app_queue_size):
                await tell(LEFT)
    assert app.heard == [PIECE["type"]] * heard
