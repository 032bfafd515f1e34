"""Where requests wait for a deployment when all rest or are full: by priority, callers in turn, each first come, first
served."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

import trio

from proxy.gateway.trying.line import Line, Place
from proxy.routing.router import ON_TRIAL, QUEUED, Unavailable
from proxy.types import Deployment
from proxy.wire.parking import Late, Parking

TRIAL_PATIENCE_S = 3.0
"""One request is on trial each second, and one that is not refused within it is held to be good. Who has waited so
long goes, too: what is only foretold refuses nobody."""
SHORTEST_LOOK_S = 0.01
"""A rest that ends this moment is not asked about in a loop."""

Pick = Callable[[], Deployment | Unavailable]


class WaitingRoom:
    """One line for each set of deployments; only the first of a line asks for one."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.configure(limit, timeout_s)
        self._clock = clock
        self.queues: dict[Hashable, Line] = {}
        """None is empty: nobody waits while there is none."""
        self._places: dict[bytes, dict[Place, Hashable]] = {}
        """By caller, the latest last."""
        self._waiting = 0

    def configure(self, limit: int, timeout_s: float) -> None:
        """For those that come from now on."""
        self._limit = limit
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return self._waiting

    def call_next(self) -> None:
        """A slot came free: the first of every line looks again."""
        for line in self.queues.values():
            line.first().called.set()

    async def turn(
        self,
        key: Hashable,
        parking: Parking,
        pick: Pick,
        refusal: Unavailable,
        until: float = math.inf,
        caller: bytes = b"",
        insist: Pick | None = None,
        priority: int = 0,
    ) -> Deployment | Unavailable:
        """A deployment with its slot taken, or the refusal at the time limit, or at `until`. Raises ClientGone.

        What is only foretold is found out within moments, so for that everybody waits; `insist` picks whatever is
        foretold, at the end.
        """
        found = await self._wait(key, parking, pick, refusal, until, caller, priority)
        if isinstance(found, Deployment) or insist is None or self._clock() >= until:
            return found
        return insist() if found.reason in (ON_TRIAL, QUEUED) else found

    async def _wait(
        self,
        key: Hashable,
        parking: Parking,
        pick: Pick,
        refusal: Unavailable,
        until: float,
        caller: bytes,
        priority: int,
    ) -> Deployment | Unavailable:
        began = self._clock()
        if self._patience_s(refusal) <= 0 or not self._has_room(caller):
            return refusal
        line, place = self._join(key, caller, priority)
        try:
            while place.line is not None:
                if line.first() is place:
                    picked = pick()
                    if isinstance(picked, Deployment):
                        return picked
                    refusal = picked
                now, deadline = self._clock(), min(began + self._patience_s(refusal), until)
                if now >= deadline:
                    return refusal
                first = line.first() is place
                look_at = now + max(refusal.retry_after_s, SHORTEST_LOOK_S) if first else deadline
                await _called(place, parking, min(deadline, look_at))
            return refusal
        finally:
            if place.line is not None:
                self._leave(place)

    def _patience_s(self, refusal: Unavailable) -> float:
        if refusal.reason == ON_TRIAL or (refusal.reason == QUEUED and self._timeout_s <= 0):
            return max(self._timeout_s, TRIAL_PATIENCE_S)
        return self._timeout_s

    def _has_room(self, caller: bytes) -> bool:
        """In a full room the caller with the most gives up its latest place to one that has fewer by two."""
        if self._waiting < self._limit:
            return True
        most = max(self._places.values(), key=len, default={})
        if len(most) < len(self._places.get(caller, ())) + 2:
            return False
        latest = next(reversed(most))
        self._leave(latest)
        latest.called.set()
        return True

    def _join(self, key: Hashable, caller: bytes, priority: int) -> tuple[Line, Place]:
        line = self.queues.get(key)
        if line is None:
            line = self.queues[key] = Line()
        place = line.join(caller, priority)
        self._places.setdefault(caller, {})[place] = key
        self._waiting += 1
        return line, place

    def _leave(self, place: Place) -> None:
        line, places = place.line, self._places[place.caller]
        assert line is not None
        key = places.pop(place)
        if not places:
            del self._places[place.caller]
        self._waiting -= 1
        line.leave(place)
        if line:
            line.first().called.set()
        else:
            del self.queues[key]


async def _called(place: Place, parking: Parking, deadline: float) -> None:
    try:
        async with parking.guard(deadline):
            await place.called.wait()
    except Late:
        return
    place.called = trio.Event()
