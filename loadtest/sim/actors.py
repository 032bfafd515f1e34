"""Clients and upstreams: generators that the clock resumes. They cost no task, and the scheduler does not know them."""

from __future__ import annotations

import math
from collections.abc import Generator
from functools import partial

from loadtest.sim.clock import VirtualClock


class Signal:
    """Something that scripts wait for, again and again."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Actor, int]] = []

    def wait(self, actor: Actor, turn: int) -> None:
        self._waiting.append((actor, turn))

    def fire(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for actor, turn in waiting:
                actor.soon(turn)


Pause = float | tuple[Signal, float]
"""Seconds; or a signal, and how long to wait for it at most."""
Script = Generator[Pause, bool, None]
"""Is told whether the signal fired."""


class Actor:
    """Runs one script."""

    __slots__ = ("_clock", "_script", "_turn")

    def __init__(self, clock: VirtualClock, script: Script) -> None:
        self._clock = clock
        self._script = script
        self._turn = 0

    def begin(self, delay_s: float = 0.0) -> None:
        self._clock.after(delay_s, partial(self._resume, 0, None))

    def soon(self, turn: int) -> None:
        if turn == self._turn:
            self._clock.after(0.0, partial(self._resume, turn, True))

    def _resume(self, turn: int, told: bool | None) -> None:
        """`turn`: which pause is over; one that was over before is none any more."""
        if turn != self._turn:
            return
        self._turn += 1
        try:
            pause = next(self._script) if told is None else self._script.send(told)
        except StopIteration:
            return
        if isinstance(pause, tuple):
            signal, limit_s = pause
            signal.wait(self, self._turn)
        else:
            limit_s = pause
        if limit_s != math.inf:
            self._clock.after(limit_s, partial(self._resume, self._turn, False))
