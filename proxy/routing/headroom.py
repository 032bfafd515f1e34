"""How much of one quota of a key is left: what its latest answer said, less what was sent since.

An upstream counts a request when it arrives and tells in the answer's head what remained. Until that head is here
more was sent, and answers overtake each other. So a report is worth what it says less all that was picked since its
own request was; a report whose request is older than the last one's is old news.

At the reset a fixed window begins anew, and a bucket is full but for what was sent since. Of both there remains at
least the capacity less what was sent since the report, or less what was sent in the last minute.
"""

from __future__ import annotations

import math

from proxy.routing.ledger import Ledger, Totals

SKEW_S = 1.0
"""Requests picked this much before another may reach the upstream after it: a handshake, a lost packet."""
RESET_SLACK_S = 1.0
"""Resets come rounded to seconds, and windows end by another machine's clock."""
UNSAID_RESET_S = 60.0
"""Quotas are per minute."""


class Headroom:
    """Mutable, of one column: requests or tokens."""

    __slots__ = ("_capacity", "_column", "_ledger", "_mark", "_picked_at", "_remaining", "_reset_at")

    def __init__(self, ledger: Ledger, column: int) -> None:
        self._ledger = ledger
        self._column = column
        self._capacity = 0
        """The most that ever remained."""
        self.forget()

    def forget(self) -> None:
        self._remaining = self._mark = 0
        self._picked_at = self._reset_at = -math.inf

    def told(self, remaining: int, own: int, reset_s: float | None, picked_at: float, now: float) -> None:
        """A report by a request picked at that time, which took `own` of the quota itself."""
        if picked_at < self._picked_at:
            return
        self._picked_at = picked_at
        self._remaining = remaining + own
        self._capacity = max(self._capacity, self._remaining)
        self._mark = self._ledger.before(picked_at - SKEW_S)[self._column]
        self._reset_at = now + (UNSAID_RESET_S if reset_s is None else reset_s) + RESET_SLACK_S

    def left(self, late: Totals, now: float) -> float:
        """`late`: the ledger's totals a minute ago. Infinite: nothing is known."""
        if self._picked_at == -math.inf:
            return math.inf
        sent = self._ledger.totals[self._column]
        if now < self._reset_at:
            return self._remaining - (sent - self._mark)
        of_late = sent - late[self._column]
        if of_late == 0:
            return math.inf
        return self._capacity - min(sent - self._mark, of_late)

    def wait_s(self, need: int, now: float) -> float:
        """Seconds until so much may be left, if nothing more is sent."""
        if now < self._reset_at:
            return self._reset_at - now
        total = self._ledger.totals[self._column] - max(0, self._capacity - need)
        return self._ledger.wait_s(self._column, total, now) or 0.0
