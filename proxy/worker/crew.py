"""Tasks that serve connections, one after the other: to make a task anew for each costs as much as half a request."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from proxy.wire.reactor import Reactor

MOST_IDLE = 256
"""That wait for their next connection, some kilobytes each; those beyond end."""


class _Next:
    """What an idle one is woken with: as `outcome.Value`, which costs more."""

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock

    def unwrap(self) -> socket.socket | None:
        return self._sock


class Crew:
    """Of one door. The dispatcher gives way to who begins as to one that was woken: right after the round."""

    def __init__(
        self, serve: Callable[[socket.socket], Awaitable[None]], reactor: Reactor, nursery: trio.Nursery
    ) -> None:
        """`serve`: one connection to its end; raises nothing but cancellation."""
        self._serve = serve
        self._reactor = reactor
        self._nursery = nursery
        self._idle: list[Task] = []
        self._over = False

    def take(self, sock: socket.socket) -> None:
        """HOT where connections are new."""
        self._reactor.woken += 1
        if self._idle:
            reschedule(self._idle.pop(), _Next(sock))  # type: ignore[arg-type]
        else:
            self._nursery.start_soon(self._work, sock)

    def end(self) -> None:
        """Nothing more is to come: those that are idle go, the others after their connection."""
        self._over = True
        while self._idle:
            self._reactor.woken += 1
            reschedule(self._idle.pop(), _Next(None))  # type: ignore[arg-type]

    async def _work(self, first: socket.socket) -> None:
        sock: socket.socket | None = first
        while sock is not None:
            self._reactor.woken -= 1
            await self._serve(sock)
            if self._over or len(self._idle) >= MOST_IDLE:
                return
            sock = await self._next()
        self._reactor.woken -= 1

    async def _next(self) -> socket.socket | None:
        task = current_task()

        def leave(_raise_cancel: object) -> Abort:
            self._idle.remove(task)
            return Abort.SUCCEEDED

        self._idle.append(task)
        found: socket.socket | None = await wait_task_rescheduled(leave)
        return found
