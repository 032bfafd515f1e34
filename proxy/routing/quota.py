"""What one deployment may be sent by its own `rpm` and `tpm`, the operator's word.

For `rpm` a request counts for a minute from its pick. For `tpm` its tokens count from the pick, as expected, until a
minute after its end, as used: that is within the limit whether the upstream counts them at the beginning or the end.
What is only expected is kept by caller (`shares`).
"""

from __future__ import annotations

import math

from proxy.routing.ledger import REQUESTS, USED, Ledger
from proxy.routing.prediction import SHORTEST_WAIT_S, used_by
from proxy.routing.shares import Shares
from proxy.types import Result

RUNNING_S = 1.0
"""Nobody knows when running requests end: look again after this."""


class Quota:
    """Mutable. Limits are per minute; None: none."""

    __slots__ = ("_enforced", "_ledger", "_reserved", "_shares", "rpm", "tpm")

    def __init__(self) -> None:
        self.rpm: int | None = None
        self.tpm: int | None = None
        self._enforced = False
        self._reserved = 0
        """Tokens that running requests are expected to use."""
        self._ledger = Ledger()
        self._shares = Shares()

    def limit(self, rpm: int | None, tpm: int | None, *, enforced: bool) -> None:
        """0 is the weight of a spare, not a limit."""
        if (self.tpm is None) is not (not tpm):
            self._shares = Shares()
        self.rpm, self.tpm, self._enforced = rpm or None, tpm or None, enforced

    def admits(self, now: float, tokens: int) -> bool:
        """HOT where there are quotas. May a request be sent that is expected to use so many tokens?"""
        if not self._enforced:
            return True
        if now >= self._ledger.ends:
            self._ledger.move_on(now)
        return self._requests_fit() and self._tokens_fit(tokens)

    def admits_share(self, now: float, tokens: int, caller: bytes) -> bool:
        """As `admits`, where that refuses for what others' requests are only expected to use."""
        if self.tpm is None:
            return False
        self.used(now)  # moves on
        self._shares.move_on(now)
        said = max(0, self._of_late()[1] - self._reserved - self._shares.guessed)
        counted = said + self._shares.against(caller, self.tpm)
        return self._requests_fit() and counted <= self.tpm - min(max(1, tokens), self.tpm)

    def take(self, now: float, tokens: int, caller: bytes = b"") -> None:
        self._ledger.sent(tokens, now)
        self._reserved += tokens
        if self.tpm is not None:
            self._shares.take(caller, tokens)

    def give_back(self, result: Result, now: float, tokens: int, running: int, caller: bytes = b"") -> None:
        """`running`: requests under way, this one included. `tokens` and `caller`: as taken."""
        used = used_by(result, tokens)
        self._ledger.over(tokens, used, now)
        self._reserved -= tokens
        if self.tpm is not None:
            self._shares.move_on(now)
            self._shares.give_back(caller, tokens)
            if used and result.tokens is None:
                self._shares.guess(caller, used, now)
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
