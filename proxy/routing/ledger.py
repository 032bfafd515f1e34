"""What one deployment was sent of late: running totals, so that the last minute's is one subtraction."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

Totals: TypeAlias = tuple[int, ...]
"""By column."""
REQUESTS, TOKENS, USED = range(3)
"""Columns. Requests and the tokens that they are expected to use, when they are picked; what they used beyond that,
and in its own column all that they used, when they are over."""
SLOT_S = 0.5
"""A minute begins up to this much early: never too little is counted."""
SLOTS = 256
"""128 s: a minute, and the patience of most requests beside it."""
MINUTE_S = 61.0
"""As quotas count it. A request that is long on its way falls into the upstream's next minute: ours is longer."""
_MINUTE = int(MINUTE_S / SLOT_S)


class Ledger:
    """Mutable. Times are seconds of any clock that only goes forward, from 0."""

    __slots__ = ("_newest", "_starts", "ends", "late", "totals")

    def __init__(self) -> None:
        self.totals = [0, 0, 0]
        self.late: Totals = (0, 0, 0)
        """The totals a minute before the newest slot began."""
        self.ends = 0.0
        """When the newest slot does: from then on, `move_on` before anything is asked."""
        self._newest = -1
        """Its number."""
        self._starts: list[Totals] = [(0, 0, 0)] * SLOTS
        """The totals when each slot began."""

    def move_on(self, now: float) -> None:
        number = max(self._newest, int(now // SLOT_S))
        totals = tuple(self.totals)
        for each in range(max(self._newest + 1, number - SLOTS + 1), number + 1):
            self._starts[each % SLOTS] = totals
        self._newest = number
        self.ends = (number + 1) * SLOT_S
        self.late = self._starts[(number - _MINUTE) % SLOTS]

    def sent(self, tokens: int, now: float) -> None:
        if now >= self.ends:
            self.move_on(now)
        self.totals[REQUESTS] += 1
        self.totals[TOKENS] += tokens

    def over(self, expected: int, used: int, now: float) -> None:
        if now >= self.ends:
            self.move_on(now)
        if used > expected:
            self.totals[TOKENS] += used - expected
        self.totals[USED] += used

    def before(self, moment: float) -> Totals:
        """The totals when the slot that holds `moment` began; of the oldest kept if it is older."""
        number = int(moment // SLOT_S)
        if number > self._newest:
            return tuple(self.totals)
        return self._starts[max(number, self._newest - SLOTS + 1, 0) % SLOTS]

    def wait_s(self, column: int, total: int, now: float) -> float | None:
        """Seconds until `late` is at least this total; None: not while nothing more is counted."""
        first, end = max(0, self._newest - SLOTS + 1), self._newest + 1
        steps = range(first, end)
        at = first + bisect_left(steps, total, key=lambda number: self._starts[number % SLOTS][column])
        if at == end and self.totals[column] < total:
            return None
        return max(0.0, at * SLOT_S + MINUTE_S - now)
