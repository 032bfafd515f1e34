"""How many requests may be on a further attempt, of all that are under way: retries must not multiply an outage.

Envoy's retry budget: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/circuit_breaker.proto

It is everybody's, and no caller may use up what others need: what the one with the most uses is not counted against the
others. So there are at most twice as many, and that only where one caller's requests fail while the others' do, too.
"""

from __future__ import annotations


class RetryBudget:
    """Mutable; one per worker."""

    __slots__ = ("_least", "_percent", "_used", "requests", "retrying")

    def __init__(self, percent: float, least: int) -> None:
        self.configure(percent, least)
        self.requests = 0
        """Under way."""
        self.retrying = 0
        """Of these, on a further attempt."""
        self._used: dict[bytes, int] = {}
        """By caller, those who use any."""

    def configure(self, percent: float, least: int) -> None:
        self._percent = percent
        self._least = least

    def admit(self, caller: bytes = b"") -> bool:
        """One more request of this caller turns to a further attempt; `give_back` when it ends."""
        limit = max(self._least, self.requests * self._percent // 100)  # whole requests, as Envoy counts them
        if self.retrying >= limit and self._without_the_most(caller) >= limit:
            return False
        self.retrying += 1
        self._used[caller] = self._used.get(caller, 0) + 1
        return True

    def give_back(self, count: int, caller: bytes = b"") -> None:
        self.retrying -= count
        left = self._used[caller] - count
        if left:
            self._used[caller] = left
        else:
            del self._used[caller]

    def _without_the_most(self, caller: bytes) -> int:
        """What all but the other caller with the most use; all, where this one has the most itself."""
        own = self._used.get(caller, 0)
        most = max(self._used.values(), default=0)
        return self.retrying - most if most > own else self.retrying
