from __future__ import annotations

import random

import pytest
import trio

from loadtest.sim.actors import Actor, Script, Signal
from loadtest.sim.clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(random.Random(7))


def test_tasks_and_the_world_share_one_time(clock: VirtualClock) -> None:
    log: list[tuple[float, str]] = []
    clock.after(2.0, lambda: log.append((clock.now, "world")))

    async def main() -> None:
        for _ in range(3):
            await trio.sleep(1.5)
            log.append((trio.current_time(), "task"))

    trio.run(main, clock=clock)
    assert log == [(1.5, "task"), (2.0, "world"), (3.0, "task"), (4.5, "task")]


def test_a_day_passes_in_no_time(clock: VirtualClock) -> None:
    trio.run(trio.sleep, 86_400.0, clock=clock)
    assert clock.now == 86_400.0


def test_an_actor_waits_for_a_signal_or_its_limit(clock: VirtualClock) -> None:
    signal, told = Signal(), []

    def script() -> Script:
        told.append(((yield 1.0), clock.now))
        told.append(((yield (signal, 5.0)), clock.now))
        told.append(((yield (signal, 5.0)), clock.now))

    Actor(clock, script()).begin()
    clock.after(3.0, signal.fire)
    trio.run(trio.sleep, 20.0, clock=clock)
    assert told == [(False, 1.0), (True, 3.0), (False, 8.0)]


def test_a_signal_that_comes_late_resumes_nobody_twice(clock: VirtualClock) -> None:
    signal, told = Signal(), []

    def script() -> Script:
        told.append((yield (signal, 1.0)))
        told.append((yield 5.0))

    Actor(clock, script()).begin()
    clock.after(2.0, signal.fire)
    trio.run(trio.sleep, 20.0, clock=clock)
    assert told == [False, False]
