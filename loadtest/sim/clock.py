"""Virtual time: one clock for trio and for the world around the gateway. It moves only when nothing can run."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

import trio
from trio._core._run import GLOBAL_RUN_CONTEXT

MONOTONIC_FROM_S = 50_000.0
"""Apart from trio's own clock: who mixes the two is found out."""
UNIX_FROM_S = 1_800_000_000.0
TOGETHER = 0.7
"""How often things of one moment are noticed together, in one round of the reactor."""
GRID = 4
"""Digits behind the point of a second: things do happen in the same moment."""
IDLE_LOOKS = 100
Due = tuple[float, int, Callable[[], None]]


class Stuck(Exception):  # noqa: N818 - a fact
    """Nothing can run, and nothing will ever happen."""


class VirtualClock(trio.abc.Clock):
    """trio's clock, and the calendar of everything that is not a task."""

    def __init__(self, chance: random.Random) -> None:
        self.now = 0.0
        self._due: list[Due] = []
        self._count = 0
        self._idle = 0
        self._chance = chance

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call it `delay_s` from now; what is due at the same moment comes in the order of asking."""
        self._count += 1
        heapq.heappush(self._due, (max(self.now, round(self.now + delay_s, GRID)), self._count, call))

    def monotonic(self) -> float:
        return self.now + MONOTONIC_FROM_S

    def unix(self) -> float:
        return self.now + UNIX_FROM_S

    def start_clock(self) -> None: ...

    def current_time(self) -> float:
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Trio asks when no task can run: the world goes on, until one can or the deadline is there."""
        tasks = GLOBAL_RUN_CONTEXT.runner.runq
        while not tasks:
            if self._due and self._due[0][0] <= deadline:
                self._happen()
            elif deadline == math.inf:
                return self._look_around()
            else:
                self.now = max(self.now, deadline)
                return 0.0
        while self._due and self._due[0][0] <= self.now and self._chance.random() < TOGETHER:
            self._happen()
        return 0.0

    def forget(self) -> None:
        """What is still due is of no interest."""
        self._due.clear()

    def _look_around(self) -> float:
        """Trio itself, when it ends, waits for a socket of its own. Raises Stuck."""
        self._idle += 1
        if self._idle > IDLE_LOOKS:
            raise Stuck(f"at {self.now}")
        return 0.0

    def _happen(self) -> None:
        moment, _, call = heapq.heappop(self._due)
        self.now = max(self.now, moment)
        call()
