"""Tasks that serve one connection after the other."""

from __future__ import annotations

import socket

import pytest
import trio
from trio.lowlevel import current_task
from trio.testing import wait_all_tasks_blocked

from proxy.wire.reactor import Reactor
from proxy.worker import crew as crew_module
from proxy.worker.crew import Crew


class Scene:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.reactor = Reactor()
        self.crew = Crew(self.serve, self.reactor, nursery)
        self.served: list[tuple[socket.socket, object]] = []
        self.goes_on = trio.Event()
        self.goes_on.set()

    async def serve(self, sock: socket.socket) -> None:
        self.served.append((sock, current_task()))
        await self.goes_on.wait()

    async def comes(self, count: int = 1) -> list[object]:
        """Who serves them."""
        socks = [socket.socket() for _ in range(count)]
        for sock in socks:
            self.crew.take(sock)
            sock.close()
        await wait_all_tasks_blocked()
        assert {sock for sock, _ in self.served[-count:]} == set(socks)  # trio begins them in any order
        return [task for _, task in self.served[-count:]]

    def ends(self) -> None:
        self.crew.end()
        self.goes_on.set()


async def test_one_task_serves_one_connection_after_the_other() -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            scene = Scene(nursery)
            first = await scene.comes()
            assert await scene.comes() == first
            scene.goes_on = trio.Event()
            both = await scene.comes(2)
            assert first[0] in both
            assert len(set(both)) == 2
            assert scene.reactor.woken == 0
            scene.ends()
        assert scene.reactor.woken == 0


async def test_those_that_are_busy_at_the_end_end_with_their_connection() -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            scene = Scene(nursery)
            await scene.comes()
            scene.goes_on = trio.Event()
            await scene.comes(2)
            scene.ends()
    assert len(scene.served) == 3


async def test_idle_ones_can_be_cancelled_and_are_given_nothing_then() -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as nursery:
                scene = Scene(nursery)
                await scene.comes()
                nursery.cancel_scope.cancel()
            scene.crew._nursery = outer
            assert len(await scene.comes()) == 1
            scene.ends()


async def test_no_more_wait_than_are_likely_to_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "MOST_IDLE", 2)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            scene = Scene(nursery)
            scene.goes_on = trio.Event()
            await scene.comes(5)
            scene.goes_on.set()
            await wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 2
            scene.ends()
