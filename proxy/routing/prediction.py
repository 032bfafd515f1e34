"""What answers foretell of one key's model: it steers, and never refuses.

While it says that nothing is left, others are chosen. Where there are none, one request goes on trial each second.
The upstream refuses at once what is over its limit, so a trial that is answered well, or for a second not at all,
shows that the prediction was wrong: it is dropped, and what that key's answers say is not heeded for a while, longer
each time. A trial that is refused with 429 shows that it was right.
"""

from __future__ import annotations

import math

from proxy.routing.headroom import Headroom
from proxy.routing.ledger import REQUESTS, TOKENS, Ledger
from proxy.types import Limits, Result, ResultKind

REPORT_AGE_S = 5.0
"""Assumed of a report whose request is not known: most heads are here by then."""
SHORTEST_WAIT_S = 0.001
"""A wait of 0 would say that nothing is to be waited for."""
FEW_REQUESTS = 100
"""Left of a minute's: a burst of another worker's may take them at once."""
TRIAL_S = 1.0
DISTRUST_S = 60.0
LONGEST_DISTRUST_S = 3600.0
TURNED_AWAY = (ResultKind.REFUSED, ResultKind.AUTH, ResultKind.RATE_LIMITED)
"""These used nothing unless the upstream says so."""
_NEVER = -math.inf


class Prediction:
    """Mutable."""

    __slots__ = ("_distrust_s", "_heeds_at", "_ledger", "_requests", "_tokens", "_trial_at", "on_trial")

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._requests = Headroom(self._ledger, REQUESTS)
        self._tokens = Headroom(self._ledger, TOKENS)
        self._trial_at = _NEVER
        self.on_trial = False
        self._heeds_at = _NEVER
        self._distrust_s = 0.0

    def favours(self, now: float, tokens: int) -> bool:
        """HOT where answers tell. Is as much left as a request is expected to use?"""
        ledger = self._ledger
        if now >= ledger.ends:
            ledger.move_on(now)
        return self._requests.left(now) >= 1 and self._tokens.left(now) >= (tokens or 1)

    def take(self, now: float, tokens: int) -> None:
        """HOT. `Ledger.sent`, unrolled: one call less for every request."""
        ledger = self._ledger
        if now >= ledger.ends:
            ledger.move_on(now)
        totals = ledger.totals
        totals[REQUESTS] += 1
        totals[TOKENS] += tokens

    def give_back(self, result: Result, now: float, tokens: int) -> None:
        self._ledger.over(tokens, used_by(result, tokens), now)

    def learn(self, limits: Limits, now: float, picked_at: float | None, tokens: int) -> None:
        """What an answer says; its request was picked then, and was expected to use so many tokens."""
        if now < self._heeds_at:
            return
        since = now - REPORT_AGE_S if picked_at is None else picked_at
        if limits.requests is not None:
            self._requests.told(limits.requests, 1, limits.requests_reset_s, since, now)
        if limits.tokens is not None:
            self._tokens.told(limits.tokens, tokens, limits.tokens_reset_s, since, now)

    def lets_try(self, now: float) -> bool:
        """Although nothing is left, and nobody else has anything."""
        if now < self._trial_at + TRIAL_S:
            return False
        if self.on_trial:
            self._was_wrong(now)  # what is over a limit is refused at once
        return True

    def begin_trial(self, now: float) -> None:
        self._trial_at = now
        self.on_trial = True

    def trial_wait_s(self, now: float) -> float:
        """Until the next trial."""
        return max(SHORTEST_WAIT_S, self._trial_at + TRIAL_S - now)

    def answered_well(self, now: float, picked_at: float | None) -> bool:
        """Whether it ended a prediction. Only a request that was picked since the trial began can."""
        if not self.on_trial or (picked_at is not None and picked_at < self._trial_at):
            return False
        self._was_wrong(now)
        return True

    def refused(self) -> None:
        """With 429: headers that said so were right."""
        if self.on_trial:
            self._distrust_s = 0.0
        self.on_trial = False

    def learned_nothing(self) -> None:
        """A request ended that says nothing of it, perhaps the one on trial."""
        self.on_trial = False

    def is_scarce(self) -> bool:
        """By what answers said: others who use the key may soon use up the rest."""
        return self._requests.is_scarce(FEW_REQUESTS) or self._tokens.is_scarce(0)

    def forget(self) -> None:
        self.on_trial = False
        self._requests.forget()
        self._tokens.forget()

    def wait_s(self, now: float, tokens: int) -> float:
        """Seconds until as much is left, if nothing more is sent. 0: now."""
        if self.favours(now, tokens):
            return 0.0
        waits, need = [SHORTEST_WAIT_S], tokens or 1
        if self._requests.left(now) < 1:
            waits.append(self._requests.wait_s(1, now))
        if self._tokens.left(now) < need:
            waits.append(self._tokens.wait_s(need, now))
        return max(waits)

    def remaining(self, now: float) -> tuple[int | None, int | None]:
        """Requests and tokens that the key has left, by what answers said; None: not known."""
        self._ledger.move_on(now)
        return _whole(self._requests.left(now)), _whole(self._tokens.left(now))

    def _was_wrong(self, now: float) -> None:
        self.forget()
        self._distrust_s = min(LONGEST_DISTRUST_S, max(DISTRUST_S, 2 * self._distrust_s))
        self._heeds_at = now + self._distrust_s


def used_by(result: Result, tokens: int) -> int:
    """Of those that it was expected to use."""
    if result.tokens is not None:
        return result.tokens
    turned_down = result.kind is ResultKind.NEUTRAL and result.status >= 400
    return 0 if turned_down or result.kind in TURNED_AWAY else tokens


def _whole(left: float) -> int | None:
    return None if math.isinf(left) else max(0, int(left))
