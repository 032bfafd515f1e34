"""Who waits for one set of deployments, or for one limit: by priority, then callers in turn, and of each caller first
come, first served.

A caller that sends a thousand requests stands in nobody's way: whoever else waits is next after one of them. One of
twice the weight has two turns to another's one. A priority is a way to give way: 0, which is what a request has that
says nothing, goes first.

Turns are those of start-time fair queueing (Goyal, Vin and Cheng, 1996), with requests for packets.
"""

from __future__ import annotations

from collections import deque

import msgspec
import trio

from proxy.access.identity import Caller

MOST_LEFT = 1_000
"""Callers remembered that had a turn and wait no more; the first one is forgotten first."""


class Share(msgspec.Struct, frozen=True):
    """Who takes turns, and how many to another's one."""

    caller: bytes = b""
    weight: float = 1.0
    own: bytes = b""
    """The key itself, where several take turns as one."""


NOBODY = Share()


def share_of(caller: Caller) -> Share:
    """A team that has a weight takes its turns as one; else each key does for itself."""
    return Share(caller.queued_as or caller.id, caller.weight, caller.id)


class Place:
    """Of one request."""

    __slots__ = ("called", "caller", "line", "priority")

    def __init__(self, caller: bytes, line: Line, priority: int = 0) -> None:
        self.caller = caller
        self.line: Line | None = line
        """None: it has left, or had to."""
        self.priority = priority
        self.called = trio.Event()


class Turns:
    """Of one caller, while it waits."""

    __slots__ = ("due", "places", "step")

    def __init__(self, due: float, weight: float) -> None:
        self.due = due
        self.step = 1.0 / weight
        self.places: deque[Place] = deque()
        """At least one."""


class Level:
    """Of one priority. Turns are due on a clock of its own, which stands at the start of the last one."""

    __slots__ = ("_callers", "_first", "_left", "_now")

    def __init__(self) -> None:
        self._now = 0.0
        self._callers: dict[bytes, Turns] = {}
        self._left: dict[bytes, float] = {}
        """When those are due again that had a turn and do not wait: who comes back at once has no two turns for one."""
        self._first: Turns | None = None

    def __bool__(self) -> bool:
        return bool(self._callers)

    def join(self, place: Place, weight: float) -> None:
        turns = self._callers.get(place.caller)
        if turns is None:
            due = max(self._now, self._left.pop(place.caller, 0.0))
            turns = self._callers[place.caller] = Turns(due, weight)
            if self._first is None or due < self._first.due:
                self._first = turns
        turns.places.append(place)

    def first(self) -> Place:
        assert self._first is not None
        return self._first.places[0]

    def leave(self, place: Place) -> None:
        """Of the first, its caller's turn is over."""
        turns = self._callers[place.caller]
        was_first = place is self.first()
        turns.places.remove(place)
        if was_first:
            self._now = turns.due
            turns.due += turns.step
        if not turns.places:
            del self._callers[place.caller]
            self._remember(place.caller, turns.due)
        if was_first or turns is self._first:
            self._first = min(self._callers.values(), key=_due, default=None)

    def _remember(self, caller: bytes, due: float) -> None:
        self._left[caller] = due
        if len(self._left) > MOST_LEFT:
            del self._left[next(iter(self._left))]


def _due(turns: Turns) -> float:
    return turns.due


class Line:
    """Mutable."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[int, Level] = {}
        """By priority; of each at least one place."""

    def __bool__(self) -> bool:
        return bool(self._levels)

    def join(self, share: Share, priority: int = 0) -> Place:
        place = Place(share.caller, self, priority)
        self._levels.setdefault(priority, Level()).join(place, share.weight)
        return place

    def first(self) -> Place:
        return self._levels[min(self._levels)].first()

    def leave(self, place: Place) -> None:
        level = self._levels[place.priority]
        level.leave(place)
        place.line = None
        if not level:
            del self._levels[place.priority]
