"""How much of one quota of a key is left: what its latest answer said, less what was sent since.

An upstream counts a request when it arrives and tells in the answer's head what remained. Until that head is here
more was sent, and answers overtake each other. So a report is worth what it says less all that was picked since its
own request was; a report whose request is older than the last one's is old news.

A bucket (OpenAI's) refills all the time, and `reset` is when it is full; a fixed window gives nothing back before it
ends. Who has which is seen by the ends that are told: one that moves on before it has come is a bucket's.

At the reset a fixed window begins anew, and a bucket is full but for what was sent since. Of both there remains at
least the capacity less what was sent since the report, or less what was sent in the last minute. The capacity is
the most that ever remained; where nothing was sent since the report it need not be known.
"""

from __future__ import annotations

import math

from proxy.routing.ledger import Ledger

SKEW_S = 1.0
"""Requests picked this much before another may reach the upstream after it: a handshake, a lost packet."""
RESET_SLACK_S = 1.0
"""Resets come rounded to seconds, and windows end by another machine's clock."""
MOVED_S = 2.0
"""An end that is told later by more than this is another one: rounded, and on its way for different times."""
UNSAID_RESET_S = 60.0
"""Quotas are per minute."""

_NEVER = -math.inf


class Headroom:
    """Mutable, of one column: requests or tokens."""

    __slots__ = (
        "_capacity",
        "_column",
        "_ledger",
        "_mark",
        "_own",
        "_per_s",
        "_picked_at",
        "_refills",
        "_remaining",
        "_reset_at",
        "_told_at",
    )

    def __init__(self, ledger: Ledger, column: int) -> None:
        self._ledger = ledger
        self._column = column
        self._capacity = 0
        """The most that ever remained."""
        self._refills = False
        self.forget()

    def forget(self) -> None:
        self._remaining = self._mark = self._own = 0
        self._per_s = 0.0
        """What a bucket gets back."""
        self._picked_at = self._reset_at = self._told_at = _NEVER

    def told(self, remaining: int, own: int, reset_s: float | None, picked_at: float, now: float) -> None:
        """A report by a request picked at that time, which took `own` of the quota itself."""
        if picked_at < self._picked_at:
            return
        reset_s = UNSAID_RESET_S if reset_s is None else reset_s
        reset_at = now + reset_s + RESET_SLACK_S
        if now < self._reset_at - 2 * RESET_SLACK_S:  # it has not come yet
            self._refills = reset_at > self._reset_at + MOVED_S or (
                self._refills and reset_at > self._reset_at - MOVED_S
            )
        self._picked_at = picked_at
        self._told_at = now
        self._remaining = remaining + own
        self._own = own
        self._capacity = max(self._capacity, self._remaining)
        lacks = self._capacity - remaining
        self._per_s = lacks / reset_s if self._refills and reset_s > 0 else 0.0
        self._mark = self._ledger.before(picked_at - SKEW_S)[self._column]
        self._reset_at = reset_at

    def left(self, now: float) -> float:
        """HOT where there are quotas. Infinite: nothing is known. The ledger has moved on to `now`."""
        if self._picked_at == _NEVER:
            return math.inf
        sent = self._ledger.totals[self._column]
        since = sent - self._mark
        if now < self._reset_at:
            return self._remaining - since + self._per_s * (now - self._told_at)
        of_late = sent - self._ledger.late[self._column]
        if of_late == 0 or since <= self._own:
            return math.inf
        return self._capacity - min(since, of_late)

    def is_scarce(self, least: int) -> bool:
        """Of what was known at the last report less than `least` remained, or than half of the most that ever did."""
        return self._picked_at != _NEVER and self._remaining < max(least, self._capacity // 2)

    def wait_s(self, need: int, now: float) -> float:
        """Seconds until so much is left, if nothing more is sent."""
        to_reset_s = max(0.0, self._reset_at - now)
        if self._per_s and now < self._reset_at:
            return min(to_reset_s, max(0.0, need - self.left(now)) / self._per_s)
        sent = self._ledger.totals[self._column]
        since, room = sent - self._mark, max(0, self._capacity - need)
        if since <= max(room, self._own):
            return to_reset_s
        return max(to_reset_s, self._ledger.wait_s(self._column, sent - room, now) or 0.0)
