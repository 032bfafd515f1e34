"""Whose the tokens are that are only expected: of a deployment's `tpm` nobody's guess takes what others need.

Until an upstream has said what a request used, all that is known is the most that it may: its `max_tokens` can be any
number. Where that would refuse somebody, what each of the others is expected to use counts up to an equal share of the
limit; what was used in fact counts whole. Alone, a caller has all of it.
"""

from __future__ import annotations

from collections import deque

from proxy.routing.ledger import MINUTE_S, SLOT_S


class Shares:
    """Mutable, of one deployment. Bounded by the requests that run, and by callers and slots of a minute."""

    __slots__ = ("_held", "_unsaid", "guessed")

    def __init__(self) -> None:
        self._held: dict[bytes, int] = {}
        """By caller: of running requests, and of those that ended within a minute and did not say."""
        self._unsaid: deque[tuple[float, bytes, int]] = deque()
        """Of the latter: until when, whose, how many."""
        self.guessed = 0
        """Tokens of these."""

    def take(self, caller: bytes, tokens: int) -> None:
        self._held[caller] = self._held.get(caller, 0) + tokens

    def give_back(self, caller: bytes, tokens: int) -> None:
        left = self._held.get(caller, 0) - tokens
        if left > 0:
            self._held[caller] = left
        else:
            self._held.pop(caller, None)

    def guess(self, caller: bytes, tokens: int, now: float) -> None:
        """So many it used, as far as is known: for a minute it holds them on."""
        self.take(caller, tokens)
        self.guessed += tokens
        until = (now // SLOT_S + 1) * SLOT_S + MINUTE_S
        if self._unsaid and self._unsaid[-1][:2] == (until, caller):
            tokens += self._unsaid.pop()[2]
        self._unsaid.append((until, caller, tokens))

    def move_on(self, now: float) -> None:
        while self._unsaid and self._unsaid[0][0] <= now:
            _, caller, tokens = self._unsaid.popleft()
            self.guessed -= tokens
            self.give_back(caller, tokens)

    def against(self, caller: bytes, limit: int) -> int:
        """What counts against this caller: its own, and of each other's at most an equal share of the limit."""
        others = [held for whose, held in self._held.items() if whose != caller]
        share = limit // (len(others) + 1)
        return self._held.get(caller, 0) + sum(min(held, share) for held in others)
