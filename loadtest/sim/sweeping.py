"""The reactor with its sweeps on the calendar: at the same moments, but only those that find something."""

from __future__ import annotations

import time

import trio

from loadtest.sim.clock import VirtualClock
from proxy.wire.parking import Parking
from proxy.wire.reactor import TICK_S, Poller, Reactor, _tick


class SparseReactor(Reactor):
    """Ten sweeps a second would cost more than all else in minutes of waiting."""

    def __init__(self, clock: VirtualClock, poller: Poller | None = None) -> None:
        super().__init__(poller)
        self._clock = clock
        self._planned: set[int] = set()

    def file(self, parking: Parking, deadline: float) -> None:
        # What was filed under earlier ticks has been swept at its moment.
        self._swept_tick = max(self._swept_tick, _tick(time.monotonic()) - 1)
        super().file(parking, deadline)
        tick = parking.filed_tick
        if tick not in self._planned:
            self._planned.add(tick)
            self._clock.after(tick * TICK_S - time.monotonic(), lambda: self._sweep_until(tick))

    async def _sweep(self) -> None:
        await trio.sleep_forever()

    def _sweep_until(self, planned: int) -> None:
        self._planned.discard(planned)
        now = time.monotonic()
        while self._swept_tick < max(planned, _tick(now)):
            self._swept_tick += 1
            for parking in self._due.pop(self._swept_tick, ()):
                parking.look_at_deadline(now)
