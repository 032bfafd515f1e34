"""Who waits for one set of deployments, or for one limit: by priority, then callers in turn, and of each caller first
come, first served.

A caller that sends a thousand requests stands in nobody's way: whoever else waits is next after one of them. A priority
is a way to give way: 0, which is what a request has that says nothing, goes first.
"""

from __future__ import annotations

from collections import deque

import trio


class Place:
    """Of one request."""

    __slots__ = ("called", "caller", "line", "priority")

    def __init__(self, caller: bytes, line: Line, priority: int = 0) -> None:
        self.caller = caller
        self.line: Line | None = line
        """None: it has left, or had to."""
        self.priority = priority
        self.called = trio.Event()


class Line:
    """Mutable."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[int, dict[bytes, deque[Place]]] = {}
        """By priority: callers in turn; of each at least one."""

    def __bool__(self) -> bool:
        return bool(self._levels)

    def join(self, caller: bytes, priority: int = 0) -> Place:
        place = Place(caller, self, priority)
        self._levels.setdefault(priority, {}).setdefault(caller, deque()).append(place)
        return place

    def first(self) -> Place:
        callers = self._levels[min(self._levels)]
        return next(iter(callers.values()))[0]

    def leave(self, place: Place) -> None:
        """Of the first of its priority, its caller's turn is over."""
        callers = self._levels[place.priority]
        places = callers[place.caller]
        was_first = place is next(iter(callers.values()))[0]
        places.remove(place)
        place.line = None
        if was_first or not places:
            del callers[place.caller]
            if places:
                callers[place.caller] = places
        if not callers:
            del self._levels[place.priority]
