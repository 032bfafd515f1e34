"""What one deployment may be sent: by its own `rpm` and `tpm`, and by what its answers say that its key has left.

For `rpm` a request counts for a minute from its pick. For `tpm` its tokens count from the pick, as expected, until a
minute after its end, as used: that is within the limit whether the upstream counts them at the beginning or the end.
"""

from __future__ import annotations

import math

from proxy.routing.headroom import Headroom
from proxy.routing.ledger import REQUESTS, TOKENS, USED, Ledger
from proxy.types import Limits, Result, ResultKind

REPORT_AGE_S = 5.0
"""Assumed of a report whose request is not known: most heads are here by then."""
RUNNING_S = 1.0
"""Nobody knows when running requests end: look again after this."""
SHORTEST_WAIT_S = 0.001
"""A wait of 0 would say that nothing is to be waited for."""
FEW_REQUESTS = 100
"""Left of a minute's: a burst of another worker's may take them at once."""
_TURNED_AWAY = (ResultKind.REFUSED, ResultKind.AUTH, ResultKind.RATE_LIMITED)
"""These used nothing unless the upstream says so."""


class Quota:
    """Mutable. Limits are per minute; None: none."""

    __slots__ = ("_enforced", "_ledger", "_requests", "_reserved", "_tokens", "rpm", "tpm")

    def __init__(self) -> None:
        self.rpm: int | None = None
        self.tpm: int | None = None
        self._enforced = False
        self._reserved = 0
        """Tokens that running requests are expected to use."""
        self._ledger = Ledger()
        self._requests = Headroom(self._ledger, REQUESTS)
        self._tokens = Headroom(self._ledger, TOKENS)

    def limit(self, rpm: int | None, tpm: int | None, *, enforced: bool) -> None:
        """0 is the weight of a spare, not a limit."""
        self.rpm, self.tpm, self._enforced = rpm or None, tpm or None, enforced

    def admits(self, now: float, tokens: int) -> bool:
        """HOT where there are quotas. May a request be sent that is expected to use so many tokens?"""
        if now >= self._ledger.ends:
            self._ledger.move_on(now)
        return (
            self._requests.left(now) >= 1
            and self._tokens.left(now) >= (tokens or 1)
            and (not self._enforced or (self._requests_fit() and self._tokens_fit(tokens)))
        )

    def take(self, now: float, tokens: int) -> None:
        self._ledger.sent(tokens, now)
        self._reserved += tokens

    def give_back(self, result: Result, now: float, tokens: int | None, running: int) -> None:
        """`running`: requests under way, this one included. `tokens`: as taken; None: an average share."""
        expected = self._reserved // running if tokens is None else tokens
        used = result.tokens
        if used is None:
            used = 0 if result.kind in _TURNED_AWAY else expected
        self._ledger.over(expected, used, now)
        self._reserved -= expected
        if running == 1 or self._reserved < 0:  # those sent before anything was counted had reserved nothing
            self._reserved = 0

    def learn(self, limits: Limits, now: float, picked_at: float | None, tokens: int) -> None:
        """What an answer says; its request was picked then, and was expected to use so many tokens."""
        since = now - REPORT_AGE_S if picked_at is None else picked_at
        if limits.requests is not None:
            self._requests.told(limits.requests, 1, limits.requests_reset_s, since, now)
        if limits.tokens is not None:
            self._tokens.told(limits.tokens, tokens, limits.tokens_reset_s, since, now)

    def is_scarce(self) -> bool:
        """By what answers said: others who use the key may soon use up the rest."""
        return self._requests.is_scarce(FEW_REQUESTS) or self._tokens.is_scarce(0)

    def forget(self) -> None:
        """What answers said."""
        self._requests.forget()
        self._tokens.forget()

    def wait_s(self, now: float, tokens: int) -> float:
        """Seconds until it may admit such a request, if nothing more is sent. 0: now."""
        if self.admits(now, tokens):
            return 0.0
        waits, need = [SHORTEST_WAIT_S], tokens or 1
        if self._requests.left(now) < 1:
            waits.append(self._requests.wait_s(1, now))
        if self._tokens.left(now) < need:
            waits.append(self._tokens.wait_s(need, now))
        if self._enforced:
            waits += self._limit_waits_s(now, tokens)
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

    def remaining(self, now: float) -> tuple[int | None, int | None]:
        """Requests and tokens that its key has left, by what answers said; None: not known."""
        self._ledger.move_on(now)
        return _whole(self._requests.left(now)), _whole(self._tokens.left(now))

    def _of_late(self) -> tuple[int, int]:
        totals, late = self._ledger.totals, self._ledger.late
        return totals[REQUESTS] - late[REQUESTS], self._reserved + totals[USED] - late[USED]

    def _requests_fit(self) -> bool:
        return self.rpm is None or self._of_late()[0] < self.rpm

    def _tokens_fit(self, tokens: int) -> bool:
        """One that is expected to use more than a minute's may go alone: the upstream knows better."""
        return self.tpm is None or self._of_late()[1] <= self.tpm - min(max(1, tokens), self.tpm)

    def _limit_waits_s(self, now: float, tokens: int) -> list[float]:
        totals, waits = self._ledger.totals, []
        if self.rpm is not None and not self._requests_fit():
            waits.append(self._ledger.wait_s(REQUESTS, totals[REQUESTS] - self.rpm + 1, now))
        if self.tpm is not None and not self._tokens_fit(tokens):
            room = self.tpm - min(max(1, tokens), self.tpm)
            waits.append(self._ledger.wait_s(USED, totals[USED] + self._reserved - room, now))
        return [RUNNING_S if wait is None else wait for wait in waits]


def _whole(left: float) -> int | None:
    return None if math.isinf(left) else max(0, int(left))
