"""A room of lines: who waits in which, how many at most, and who makes room for whom."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import trio

from proxy.gateway.trying.line import Line, Place, Share
from proxy.wire.parking import Late, Parking

K = TypeVar("K", bound=Hashable)


class Held(Generic[K]):
    """A caller's places, in all lines."""

    __slots__ = ("places", "weight")

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.places: dict[Place, K] = {}
        """The latest last."""


def _crowding(held: Held[K]) -> float:
    return len(held.places) / held.weight


class Lines(Generic[K]):
    """By what is waited for. One worker's, for its life."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float]) -> None:
        """`limit`: requests that wait at once. `timeout_s`: each; 0: none does."""
        self.configure(limit, timeout_s)
        self._clock = clock
        self.queues: dict[K, Line] = {}
        """None is empty: nobody waits while there is none."""
        self._held: dict[bytes, Held[K]] = {}
        """By caller."""
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

    def _has_room(self, share: Share) -> bool:
        """In a full room the caller with the most, by weight, gives up its latest place to one with fewer by two."""
        if self._waiting < self._limit:
            return True
        most = max(self._held.values(), key=_crowding, default=None)
        own = self._held.get(share.caller)
        count = 0 if own is None else len(own.places)
        if most is None or (len(most.places) - 1) / most.weight < (count + 1) / share.weight:
            return False
        latest = next(reversed(most.places))
        self._leave(latest)
        latest.called.set()
        return True

    def _join(self, key: K, share: Share, priority: int) -> Place:
        line = self.queues.get(key)
        if line is None:
            line = self.queues[key] = Line()
        place = line.join(share, priority)
        held = self._held.get(share.caller)
        if held is None:
            held = self._held[share.caller] = Held(share.weight)
        held.places[place] = key
        self._waiting += 1
        return place

    def _leave(self, place: Place) -> None:
        line, held = place.line, self._held[place.caller]
        assert line is not None
        key = held.places.pop(place)
        if not held.places:
            del self._held[place.caller]
        self._waiting -= 1
        line.leave(place)
        if line:
            self._call_first(line)
        else:
            del self.queues[key]

    def _call_first(self, line: Line) -> None:
        """Another one is."""
        line.first().called.set()


async def called(place: Place, parking: Parking, deadline: float) -> None:
    """Until it is called, or the deadline (monotonic seconds). Raises ClientGone."""
    try:
        async with parking.guard(deadline):
            await place.called.wait()
    except Late:
        return
    place.called = trio.Event()
