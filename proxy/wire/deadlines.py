"""When a parked task has waited long enough.

Deadlines are lazy: `Parking.deadline` is a plain attribute that the hot path overwrites; a sweeper looks at
it when the bucket it was filed under comes due, and files it again if it has moved on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

import trio

from proxy.wire.parking import Parking

TICK_S = 0.1
"""How exact deadlines are. Timeouts here are seconds; a tenth is noise."""

Look: TypeAlias = Callable[[Parking, float], None]
"""At a parking whose deadline may have come, with the moment it is now."""


class Filing(Protocol):
    """What the reactor keeps deadlines with."""

    def file(self, parking: Parking, deadline: float) -> None:
        """Look at the parking's deadline when this one comes due."""

    def unfile(self, parking: Parking) -> None:
        """Forget the parking's deadline, for one that will not park again."""

    async def sweep(self, look: Look) -> None:
        """Look at those that come due, until cancelled."""


class Deadlines:
    """Buckets of a tick each, swept ten times a second."""

    __slots__ = ("_due", "_swept_tick")

    def __init__(self) -> None:
        self._due: dict[int, set[Parking]] = {}
        self._swept_tick = tick_of(time.monotonic())

    def __len__(self) -> int:
        return sum(map(len, self._due.values()))

    def file(self, parking: Parking, deadline: float) -> None:
        self.unfile(parking)
        tick = max(tick_of(deadline), self._swept_tick + 1)
        parking.filed_tick = tick
        parking.looked_at = (tick - 1) * TICK_S
        self._due.setdefault(tick, set()).add(parking)

    def unfile(self, parking: Parking) -> None:
        if parking.filed_tick:
            self._due.get(parking.filed_tick, set()).discard(parking)
            parking.filed_tick = 0
            parking.looked_at = math.inf

    async def sweep(self, look: Look) -> None:
        while True:
            await trio.sleep(TICK_S)
            now = time.monotonic()
            self.sweep_until(tick_of(now), now, look)

    def sweep_until(self, tick: int, now: float, look: Look) -> None:
        while self._swept_tick < tick:
            self._swept_tick += 1
            for parking in self._due.pop(self._swept_tick, ()):
                look(parking, now)

    def pass_over(self, tick: int) -> None:
        """There is nothing to look at up to it, so nothing is filed under it any more."""
        self._swept_tick = max(self._swept_tick, tick)


def tick_of(moment: float) -> int:
    return math.ceil(moment / TICK_S)
