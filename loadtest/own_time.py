"""Time as it passes for this thread alone.

What it waits for the machine to run others is left out: "within 50 ms" then says something of the code, whatever
else is running.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

_SCHEDSTAT = Path("/proc/thread-self/schedstat")
"""Nanoseconds on a processor, nanoseconds ready and waiting for one, turns. Linux, where it counts them."""


def own_s() -> float:
    """Monotonic seconds without those in which this thread could have run, and did not."""
    try:
        waited_ns = int(_SCHEDSTAT.read_text().split()[1])
    except (OSError, IndexError):
        waited_ns = 0
    return time.monotonic() - waited_ns / 1e9


async def done_within(timeout_s: float, wait: Callable[[], Awaitable[object]]) -> bool:
    """Whether `wait`, which may be cancelled and called again, ends within seconds of this thread's own."""
    until_s = own_s() + timeout_s
    left_s = timeout_s
    while True:
        with trio.move_on_after(max(left_s, 0.0)):
            await wait()
            return True
        left_s = until_s - own_s()
        if left_s <= 0:
            return False
