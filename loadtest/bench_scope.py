"""What a scope costs a request: none, one that is not used, one with a task, and trio's nursery each time.

    python -m loadtest.bench_scope

Each round waits once as a request does, so that the scheduler's passes are counted. Microseconds, best of 5.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import trio

from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from proxy.wire.scope import RequestScope
from proxy.wire.walls import Wall

ROUNDS = 20_000
REPEATS = 5
PARKING = Parking(Reactor())
WALL = Wall("request")


async def _child() -> None:
    await trio.lowlevel.checkpoint()


async def _nothing() -> None:
    await trio.lowlevel.checkpoint()


async def _scope_unused() -> None:
    scope = RequestScope(PARKING, WALL)
    try:
        await trio.lowlevel.checkpoint()
    finally:
        if scope.opened:
            await scope.close()


async def _scope_with_a_task() -> None:
    scope = RequestScope(PARKING, WALL)
    try:
        await scope.start(_child)
        await trio.lowlevel.checkpoint()
    finally:
        if scope.opened:
            await scope.close()


async def _nursery_unused() -> None:
    async with trio.open_nursery():
        await trio.lowlevel.checkpoint()


async def _nursery_with_a_task() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_child)
        await trio.lowlevel.checkpoint()


CASES: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
    ("no scope", _nothing),
    ("RequestScope, nothing started", _scope_unused),
    ("trio nursery, nothing started", _nursery_unused),
    ("RequestScope, one task", _scope_with_a_task),
    ("trio nursery, one task", _nursery_with_a_task),
)


async def _measure(case: Callable[[], Awaitable[None]]) -> float:
    best_s = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        for _ in range(ROUNDS):
            await case()
        best_s = min(best_s, time.process_time() - started)
    return best_s / ROUNDS * 1e6


async def main() -> None:
    base_us = 0.0
    for name, case in CASES:
        cost_us = await _measure(case)
        base_us = base_us or cost_us
        print(f"{name:32} {cost_us:6.1f} us  (+{cost_us - base_us:.1f})")


if __name__ == "__main__":
    trio.run(main)
