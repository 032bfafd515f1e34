"""What one deployment may be sent by its own `rpm` and `tpm`, the operator's word.

For `rpm` a request counts for a minute from its pick. For `tpm` its tokens count from the pick, as expected, until a
minute after its end, as used: that is within the limit whether the upstream counts them at the beginning or the end.
"""

from __future__ import annotations

import math

from proxy.routing.ledger import REQUESTS, USED, Ledger
from proxy.routing.prediction import SHORTEST_WAIT_S, used_by
from proxy.types import Result

RUNNING_S = 1.0
"""Nobody knows when running requests end: look again after this."""


class Quota:
    """Mutable. Limits are per minute; None: none."""

    __slots__ = ("_enforced", "_ledger", "_reserved", "rpm", "tpm")

    def __init__(self) -> None:
        self.rpm: int | None = None
        self.tpm: int | None = None
        self._enforced = False
        self._reserved = 0
        """Tokens that running requests are expected to use."""
        self._ledger = Ledger()

    def limit(self, rpm: int | None, tpm: int | None, *, enforced: bool) -> None:
        """0 is the weight of a spare, not a limit."""
        self.rpm, self.tpm, self._enforced = rpm or None, tpm or None, enforced

    def admits(self, now: float, tokens: int) -> bool:
        """HOT where there are quotas. May a request be sent that is expected to use so many tokens?"""
        if not self._enforced:
            return True
        if now >= self._ledger.ends:
            self._ledger.move_on(now)
        return self._requests_fit() and self._tokens_fit(tokens)

    def take(self, now: float, tokens: int) -> None:
        self._ledger.sent(tokens, now)
        self._reserved += tokens

    def give_back(self, result: Result, now: float, tokens: int, running: int) -> None:
        """`running`: requests under way, this one included. `tokens`: as taken."""
        self._ledger.over(tokens, used_by(result, tokens), now)
        self._reserved -= tokens
        if running == 1 or self._reserved < 0:  # those sent before anything was counted had reserved nothing
            self._reserved = 0

    def wait_s(self, now: float, tokens: int) -> float:
        """Seconds until it may admit such a request, if nothing more is sent. 0: now."""
        if self.admits(now, tokens):
            return 0.0
        totals, waits = self._ledger.totals, [SHORTEST_WAIT_S]
        if self.rpm is not None and not self._requests_fit():
            wait = self._ledger.wait_s(REQUESTS, totals[REQUESTS] - self.rpm + 1, now)
            waits.append(RUNNING_S if wait is None else wait)
        if self.tpm is not None and not self._tokens_fit(tokens):
            room = self.tpm - min(max(1, tokens), self.tpm)
            wait = self._ledger.wait_s(USED, totals[USED] + self._reserved - room, now)
            waits.append(RUNNING_S if wait is None else wait)
        return max(waits)

    def share(self, now: float) -> tuple[float, int]:
        """Of its limits, the part that the last minute used, the larger one; then its tokens."""
        requests, tokens = self.used(now)
        share = max(requests / (self.rpm or math.inf), tokens / (self.tpm or math.inf))
        return share, tokens + requests

    def used(self, now: float) -> tuple[int, int]:
        """Requests and tokens of the last minute, the running ones' as expected."""
        if now >= self._ledger.ends:
            self._ledger.move_on(now)
        return self._of_late()

    def _of_late(self) -> tuple[int, int]:
        totals, late = self._ledger.totals, self._ledger.late
        return totals[REQUESTS] - late[REQUESTS], self._reserved + totals[USED] - late[USED]

    def _requests_fit(self) -> bool:
        return self.rpm is None or self._of_late()[0] < self.rpm

    def _tokens_fit(self, tokens: int) -> bool:
        """One that is expected to use more than a minute's may go alone: the upstream knows better."""
        return self.tpm is None or self._of_late()[1] <= self.tpm - min(max(1, tokens), self.tpm)
