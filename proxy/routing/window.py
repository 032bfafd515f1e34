"""The failure rate of the last half minute, in a handful of slots: no list of requests is kept."""

from __future__ import annotations

import math
from collections import deque

SLOT_S = 5.0
SLOTS = 6
"""Six slots of 5 s: a window of 30 s, as in Finagle's failure accrual, that moves in steps of 5 s."""
MINIMUM_REQUESTS = 5
"""Fewer say nothing about a rate. LiteLLM's DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS."""
FAILURE_RATE = 0.5
"""LiteLLM's DEFAULT_FAILURE_THRESHOLD_PERCENT."""


class _Slot:
    __slots__ = ("failures", "number", "requests")

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests = 0
        self.failures = 0


class FailureRate:
    __slots__ = ("_slots", "ends", "newest")

    def __init__(self) -> None:
        self.newest = _Slot(-1)
        self.ends = -math.inf
        """When the newest slot does."""
        self._slots: deque[_Slot] = deque(maxlen=SLOTS)

    def succeeded(self, now: float) -> None:
        self._slot(now).requests += 1

    def failed(self, now: float) -> None:
        slot = self._slot(now)
        slot.requests += 1
        slot.failures += 1

    def is_high(self, now: float, share: float = 1.0) -> bool:
        """More than half failed, of at least five; of the failures this share counts, the others are left out."""
        oldest = int(now // SLOT_S) - SLOTS + 1
        recent = [slot for slot in self._slots if slot.number >= oldest]
        failed = sum(slot.failures for slot in recent)
        failures = failed * share
        requests = sum(slot.requests for slot in recent) - failed + failures
        return requests >= MINIMUM_REQUESTS and failures > requests * FAILURE_RATE

    def clear(self) -> None:
        self._slots.clear()
        self.ends = -math.inf

    def _slot(self, now: float) -> _Slot:
        number = int(now // SLOT_S)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        self.newest = self._slots[-1]
        self.ends = (number + 1) * SLOT_S
        return self.newest
