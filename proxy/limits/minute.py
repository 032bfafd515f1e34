"""What was counted in the last minute: running totals, and what they were when each quarter of a second began.

A request at `t` counts until the slot that begins between `t + 60.25` and `t + 60.5`. So no sliding minute ever holds
more than the limit, even if it is measured a quarter of a second away from here, and at least 60 / 60.5 of it, 99.1
per cent, can be used.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from proxy.limits.layout import CELL, SLOTS

PER_S: Final = 4
"""Slots of a second."""
KEPT: Final = 60 * PER_S + 1
"""A minute's slots, and one for those who measure elsewhere; the present one comes on top."""
TOKENS_AT: Final = SLOTS
"""Cells from a ring of requests to that of tokens."""


def slot_of(now: float) -> int:
    return int(now * PER_S)


def counted(cells: memoryview, ring: int, newest: int, total: int, slot: int) -> int:
    """HOT. How much of the total belongs to the minute that ends in this slot."""
    late = slot - KEPT
    if late > newest:
        return 0
    counts: int = total - cells[ring + late % SLOTS]
    return counts


def move_on(cells: memoryview, ring: int, newest: int, totals: tuple[int, int], slot: int) -> None:
    """HOT. The slots since then begin with these totals.

    It may be done again and again until the newest slot is noted elsewhere: what is overwritten is out of date.
    """
    if slot == newest + 1:
        at = ring + slot % SLOTS
        cells[at] = totals[0]
        cells[at + TOKENS_AT] = totals[1]
    elif slot > newest:
        for each in range(max(newest + 1, slot - SLOTS + 1), slot + 1):
            at = ring + each % SLOTS
            cells[at] = totals[0]
            cells[at + TOKENS_AT] = totals[1]


def clear(cells: memoryview, ring: int) -> None:
    """Of a row that is given out anew, whose totals are 0."""
    zeros = memoryview(bytes(2 * SLOTS * CELL)).cast("q")
    cells[ring : ring + 2 * SLOTS] = zeros


def wait_s(cells: memoryview, ring: int, newest: int, total: int, room: int, now: float) -> float | None:
    """Seconds until the minute holds at most `room`, if nothing more is counted. None: room is less than nothing."""
    if room < 0:
        return None
    first = newest - KEPT
    starts = range(first, newest + 1)
    found = bisect_left(starts, total - room, key=lambda slot: cells[ring + slot % SLOTS])
    slot = first + found + KEPT  # of which `first + found` is the oldest that does not count
    return max(0.0, slot / PER_S - now)
