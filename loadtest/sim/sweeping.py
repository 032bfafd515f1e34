"""Deadlines on the calendar: swept at the same moments, but only at those that find something."""

from __future__ import annotations

import time

import trio

from loadtest.sim.clock import VirtualClock
from proxy.wire.deadlines import TICK_S, Deadlines, Look, tick_of
from proxy.wire.parking import Parking


class SparseDeadlines:
    """Ten sweeps a second would cost more than all else in minutes of waiting."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._kept = Deadlines()
        self._planned: set[int] = set()
        self._look: Look | None = None

    def file(self, parking: Parking, deadline: float) -> None:
        # What was filed under earlier ticks has been swept at its moment.
        self._kept.pass_over(tick_of(time.monotonic()) - 1)
        self._kept.file(parking, deadline)
        tick = parking.filed_tick
        if tick not in self._planned:
            self._planned.add(tick)
            self._clock.after(tick * TICK_S - time.monotonic(), lambda: self._sweep_until(tick))

    def unfile(self, parking: Parking) -> None:
        self._kept.unfile(parking)

    async def sweep(self, look: Look) -> None:
        self._look = look
        await trio.sleep_forever()

    def _sweep_until(self, planned: int) -> None:
        self._planned.discard(planned)
        now = time.monotonic()
        assert self._look is not None, "a deadline was filed before the reactor ran"
        self._kept.sweep_until(max(planned, tick_of(now)), now, self._look)
