"""Where requests wait for a deployment when all rest or are full: first come, first served, and bounded."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable

import trio

from proxy.routing.router import ON_TRIAL, QUEUED, Unavailable
from proxy.types import Deployment
from proxy.wire.parking import Late, Parking

TRIAL_PATIENCE_S = 3.0
"""One request is on trial each second, and one that is not refused within it is held to be good."""
SHORTEST_LOOK_S = 0.01
"""A rest that ends this moment is not asked about in a loop."""


class _Place:
    __slots__ = ("called",)

    def __init__(self) -> None:
        self.called = trio.Event()


class WaitingRoom:
    """One queue for each set of deployments; only the first of a queue asks for one."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.configure(limit, timeout_s)
        self._clock = clock
        self.queues: dict[Hashable, deque[_Place]] = {}
        """None is empty: nobody waits while there is none."""

    def configure(self, limit: int, timeout_s: float) -> None:
        """For those that come from now on."""
        self._limit = limit
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return sum(map(len, self.queues.values()))

    def call_next(self) -> None:
        """A slot came free: the first of every queue looks again."""
        for queue in self.queues.values():
            queue[0].called.set()

    async def turn(
        self,
        key: Hashable,
        parking: Parking,
        pick: Callable[[], Deployment | Unavailable],
        refusal: Unavailable,
        until: float = math.inf,
    ) -> Deployment | Unavailable:
        """A deployment with its slot taken, or the refusal at the time limit, or at `until`. Raises ClientGone.

        What is only foretold is found out within moments, so for that everybody waits.
        """
        began = self._clock()
        if self._patience_s(refusal) <= 0 or len(self) >= self._limit:
            return refusal
        place = _Place()
        queue = self.queues.setdefault(key, deque())
        queue.append(place)
        try:
            while True:
                if queue[0] is place:
                    picked = pick()
                    if isinstance(picked, Deployment):
                        return picked
                    refusal = picked
                now, deadline = self._clock(), min(began + self._patience_s(refusal), until)
                if now >= deadline:
                    return refusal
                first = queue[0] is place
                look_at = now + max(refusal.retry_after_s, SHORTEST_LOOK_S) if first else deadline
                await _called(place, parking, min(deadline, look_at))
        finally:
            self._leave(key, queue, place)

    def _patience_s(self, refusal: Unavailable) -> float:
        if refusal.reason == ON_TRIAL or (refusal.reason == QUEUED and self._timeout_s <= 0):
            return max(self._timeout_s, TRIAL_PATIENCE_S)
        return self._timeout_s

    def _leave(self, key: Hashable, queue: deque[_Place], place: _Place) -> None:
        queue.remove(place)
        if queue:
            queue[0].called.set()
        else:
            del self.queues[key]


async def _called(place: _Place, parking: Parking, deadline: float) -> None:
    try:
        async with parking.guard(deadline):
            await place.called.wait()
    except Late:
        return
    place.called = trio.Event()
