"""The operator's word on one deployment: it outranks what attempts teach, and outlives a reload."""

from __future__ import annotations

import math

import msgspec


class Hold(msgspec.Struct, frozen=True):
    """Keeps new requests away; those under way finish."""

    reason: str
    """`operator` or `draining`; empty: nothing is held."""
    until: float = math.inf
    """On the clock of `now`; `inf`: until revived."""

    @staticmethod
    def benched(until: float = math.inf) -> Hold:
        return Hold("operator", until)

    @staticmethod
    def draining() -> Hold:
        return Hold("draining")

    @staticmethod
    def revived() -> Hold:
        """Ends a hold, and a bench for failures with it."""
        return Hold("", -math.inf)

    def holds(self, now: float) -> bool:
        return now < self.until


NO_HOLD = Hold.revived()
