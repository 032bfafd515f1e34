"""Who waits for one set of deployments: callers in turn, and of each caller first come, first served.

A caller that sends a thousand requests stands in nobody's way: whoever else waits is next after one of them.
"""

from __future__ import annotations

from collections import deque

import trio


class Place:
    """Of one request."""

    __slots__ = ("called", "caller", "line")

    def __init__(self, caller: bytes, line: Line) -> None:
        self.caller = caller
        self.line: Line | None = line
        """None: it has left, or had to."""
        self.called = trio.Event()


class Line:
    """Mutable."""

    __slots__ = ("_callers",)

    def __init__(self) -> None:
        self._callers: dict[bytes, deque[Place]] = {}
        """In turn; of each at least one."""

    def __bool__(self) -> bool:
        return bool(self._callers)

    def join(self, caller: bytes) -> Place:
        place = Place(caller, self)
        self._callers.setdefault(caller, deque()).append(place)
        return place

    def first(self) -> Place:
        return next(iter(self._callers.values()))[0]

    def leave(self, place: Place) -> None:
        """Of the first, its caller's turn is over."""
        places = self._callers[place.caller]
        was_first = place is self.first()
        places.remove(place)
        place.line = None
        if was_first or not places:
            del self._callers[place.caller]
            if places:
                self._callers[place.caller] = places
