"""The epoll of sockets in memory: edge-triggered, first come first told, and silent about what is no longer so."""

from __future__ import annotations

import random

from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from loadtest.sim.sockets import End

SHUFFLED = 0.3
"""How often what one poll tells comes in another order: the kernel promises none."""


class MemoryPoller:
    """Implements proxy.wire.reactor.Poller."""

    def __init__(self, ends: dict[int, End], chance: random.Random) -> None:
        """`ends`: all that are open, by file descriptor."""
        self._ends = ends
        self._chance = chance
        self._ready: dict[int, None] = {}
        self._waiting: Task | None = None
        self.registered: set[int] = set()

    def register(self, fd: int, _mask: int, /) -> None:
        end = self._ends[fd]
        assert fd not in self.registered, "registered twice"
        self.registered.add(fd)
        end.watch = self._note
        self._note(end)

    def unregister(self, fd: int, /) -> None:
        self.registered.remove(fd)
        self._ready.pop(fd, None)
        self._ends[fd].watch = None

    def poll(self, _timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        if not self._ready:
            return []
        fds = list(self._ready)[:most]
        if len(fds) > 1 and self._chance.random() < SHUFFLED:
            self._chance.shuffle(fds)
        for fd in fds:
            del self._ready[fd]
        told = [(fd, self._ends[fd].mask()) for fd in fds]
        return [(fd, mask) for fd, mask in told if mask]

    def arrived(self, fd: int, /) -> bool:
        return self._ends[fd].unread

    async def wait(self) -> None:
        if not self._ready:
            self._waiting = current_task()
            await wait_task_rescheduled(self._give_up)

    def _note(self, end: End) -> None:
        self._ready[end.fileno()] = None
        if self._waiting is not None:
            task, self._waiting = self._waiting, None
            reschedule(task)

    def _give_up(self, _raise_cancel: object) -> Abort:
        self._waiting = None
        return Abort.SUCCEEDED
