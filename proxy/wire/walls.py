"""Walls: what one guest of a worker raises ends that guest alone; it is counted, and told in bounded words.

One wall per kind of guest, and no other broad `except`: whatever is caught here is a bug of ours or of a library, which
somebody outside may have found. Cancellation and what ends a process pass.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable

import msgspec

log = logging.getLogger("sluice")

LINES_PER_PERIOD = 10
PERIOD_S = 10.0
"""So many lines in so many seconds: a flood of hostile connections must not fill the log."""
PLACES_TOLD = 64
"""Places in the code that were shown with how it came there; those seen again get their line alone."""
MAX_REASON_CHARS = 200
"""Of an error's own words: they may quote what a client sent."""

Whom = Callable[[], str]
Expected = tuple[type[Exception], ...]


class Around:
    """`with`: an exception ends here; of a nursery's group, all but cancellation and what ends a process."""

    __slots__ = ("_expected", "_wall", "_whom")

    def __init__(self, wall: Wall, whom: Whom, expected: Expected) -> None:
        self._wall = wall
        self._whom = whom
        self._expected = expected

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _way: object) -> bool:
        if isinstance(error, Exception):
            self._wall.sort(error, self._whom, self._expected)
            return True
        if isinstance(error, BaseExceptionGroup):
            bugs, others = error.split(Exception)
            if bugs is not None:
                self._wall.sort(bugs, self._whom, self._expected)
            if others is not None and others is not error:
                raise others from None
        return False


class Wall:
    """Around one kind of guest."""

    __slots__ = ("_guest", "_left_out", "_lines", "_now", "_period_ends", "_told", "stopped")

    def __init__(self, guest: str, now: Callable[[], float] = time.monotonic) -> None:
        """`guest`: what it keeps from the others, for the log. `now`: in seconds."""
        self._guest = guest
        self._now = now
        self.stopped = 0
        """Errors that went no further, since the start."""
        self._told: set[tuple[str, int, type[BaseException]]] = set()
        self._period_ends = -1.0
        self._lines = 0
        self._left_out = 0

    def around(self, whom: Whom, expected: Expected = ()) -> Around:
        """`expected`: ends that are nobody's bug, alone or among others; they end here, untold."""
        return Around(self, whom, expected)

    def sort(self, error: BaseException, whom: Whom, expected: Expected) -> None:
        """Stop what is a bug in it."""
        if isinstance(error, BaseExceptionGroup):
            _, bugs = error.split(expected) if expected else (None, error)
            if bugs is not None:
                self.stop(_first(bugs), whom())
        elif not isinstance(error, expected):
            self.stop(error, whom())

    def stop(self, error: BaseException, whom: str) -> None:
        """Count it, and tell of it: why, where and whose it was."""
        self.stopped += 1
        now = self._now()
        if now >= self._period_ends:
            self._period_ends, self._lines = now + PERIOD_S, 0
        if self._lines >= LINES_PER_PERIOD:
            self._left_out += 1
            return
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        log.error("%s", self._line(error, whom) + (f" ({left_out} more were left out)" if left_out else ""))

    def _line(self, error: BaseException, whom: str) -> str:
        """With the way there the first time. Never with what led to it: libraries quote heads, keys included."""
        frames = traceback.extract_tb(error.__traceback__)
        where = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
        line = f"{self._guest} {whom} ended by a bug: {reason(error)} at {where[0]}:{where[1]}"
        place = (*where, type(error))
        if place in self._told or len(self._told) >= PLACES_TOLD:
            return line
        self._told.add(place)
        return line + "\n" + "".join(traceback.format_list(frames)).rstrip()


class Walls(msgspec.Struct, frozen=True, eq=False):
    """Those of one worker. `counts` is what is told of them."""

    connections: Wall = msgspec.field(default_factory=lambda: Wall("connection"))
    """Around each client's connection, whichever door it came in by."""
    requests: Wall = msgspec.field(default_factory=lambda: Wall("request"))
    """Around each request, and each task beside it: its connection goes on where it can."""
    callees: Wall = msgspec.field(default_factory=lambda: Wall("exchange"))
    """Around whatever the reactor calls: links, pumps with their taps, carried coroutines, deadlines."""
    tasks: Wall = msgspec.field(default_factory=lambda: Wall("task"))
    """Around each task that a worker has for good."""

    def counts(self) -> dict[str, int]:
        """Errors stopped by each, since the start."""
        return {name: getattr(self, name).stopped for name in self.__struct_fields__}


def reason(error: BaseException) -> str:
    """What it is and says, safe to show on a terminal."""
    words = str(error)[:MAX_REASON_CHARS]
    said = "".join(char if char.isprintable() else "?" for char in words)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _first(error: BaseException) -> BaseException:
    """The innermost of a nursery's group, with its own way there."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
