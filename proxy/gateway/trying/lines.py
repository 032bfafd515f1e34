"""A room of lines: who waits in which, how many at most, and who makes room for whom."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import trio

from proxy.gateway.trying.line import Line, Place
from proxy.wire.parking import Late, Parking

K = TypeVar("K", bound=Hashable)


class Lines(Generic[K]):
    """By what is waited for. One worker's, for its life."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float]) -> None:
        """`limit`: requests that wait at once. `timeout_s`: each; 0: none does."""
        self.configure(limit, timeout_s)
        self._clock = clock
        self.queues: dict[K, Line] = {}
        """None is empty: nobody waits while there is none."""
        self._places: dict[bytes, dict[Place, K]] = {}
        """By caller, the latest last."""
        self._waiting = 0

    def configure(self, limit: int, timeout_s: float) -> None:
        """For those that come from now on."""
        self._limit = limit
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return self._waiting

    def call_next(self) -> None:
        """Something was given back: the first of every line looks again."""
        for line in self.queues.values():
            line.first().called.set()

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

    def _join(self, key: K, caller: bytes, priority: int) -> Place:
        line = self.queues.get(key)
        if line is None:
            line = self.queues[key] = Line()
        place = line.join(caller, priority)
        self._places.setdefault(caller, {})[place] = key
        self._waiting += 1
        return place

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


async def called(place: Place, parking: Parking, deadline: float) -> None:
    """Until it is called, or the deadline (monotonic seconds). Raises ClientGone."""
    try:
        async with parking.guard(deadline):
            await place.called.wait()
    except Late:
        return
    place.called = trio.Event()
