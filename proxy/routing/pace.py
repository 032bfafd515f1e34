"""How long one deployment takes to begin its answers: for choosing the fast, and for noticing the slow.

Peak EWMA, as in Finagle (https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-least-loaded):
a slow answer counts in full at once, faster ones bring the average down over some ten seconds. It decays by
1/(1 + t) where theirs does by e^-t: that costs no call, and what was slow is not forgotten within a minute.
"""

from __future__ import annotations

import math

from proxy.types import Layer, Result, ResultKind

DECAY_S = 10.0
PENALTY_S = 5.0
"""A failure is an answer at least this slow: else a key that fails at once would draw all requests.
Linkerd's Load Biaser counts a 429 so."""
LONGEST_S = 300.0
OUTLIERS = 5
"""Slow answers in a row: one long prompt is none."""
FAR = 5.0
FLOOR_S = 10.0
"""Below this nobody calls a language model slow."""
_NEVER = -math.inf
_OK, _NEUTRAL = ResultKind.OK, ResultKind.NEUTRAL


class Pace:
    """Mutable, of one deployment."""

    __slots__ = ("_at", "_ewma_s", "_outliers", "bar_s")

    def __init__(self) -> None:
        self._ewma_s = 0.0
        self._at = _NEVER
        self._outliers = 0
        self.bar_s = math.inf
        """Answers that take longer are far behind those of its group; set by it."""

    def observe(self, result: Result, now: float) -> bool:
        """HOT. Whether it has become an outlier."""
        sample_s = result.first_byte_s
        if result.kind is not _OK:
            if not _is_its_own(result):
                return False
            sample_s = self._penalty_s(result)
        elif sample_s is None:
            return False
        ewma_s = self._ewma_s
        if sample_s < ewma_s:
            passed_s = now - self._at
            sample_s = ewma_s + (sample_s - ewma_s) * passed_s / (passed_s + DECAY_S)
        self._ewma_s = sample_s
        self._at = now
        if result.first_byte_s is None or result.first_byte_s <= self.bar_s:
            self._outliers = 0
            return False
        self._outliers += 1
        return self._outliers % OUTLIERS == 0

    def ewma_s(self) -> float | None:
        """None: no answer yet."""
        return None if self._at == _NEVER else self._ewma_s

    def cost_s(self, in_flight: int, now: float) -> float:
        """What another request may expect to wait.

        While nothing runs the memory fades, so that a slow one is asked again some day, by one request. One that
        has answered nothing yet gets one request, then no second while others are to be had.
        """
        if self._at == _NEVER:
            return PENALTY_S + in_flight if in_flight else 0.0
        if in_flight:
            return self._ewma_s * (in_flight + 1)
        return self._ewma_s * DECAY_S / (DECAY_S + now - self._at)

    def _penalty_s(self, result: Result) -> float:
        """Slower than it ever was."""
        told_s = max(result.retry_after_s or 0.0, result.first_byte_s or 0.0)
        return min(LONGEST_S, max(PENALTY_S, told_s, 2 * self._ewma_s))


def _is_its_own(result: Result) -> bool:
    """Not the client's doing, nor true of one model or kind of request only, which rests for it."""
    if result.kind is ResultKind.AUTH:
        return result.blame is None or result.blame is Layer.KEY
    return result.kind is not _NEUTRAL and result.blame is not Layer.NOBODY


def bar_s(ewmas_s: list[float], own_s: float) -> float:
    """Where one's answers begin to be far behind: several times the others' median. `ewmas_s`: sorted, own included."""
    middle = (len(ewmas_s) - 2) // 2
    typical_s = ewmas_s[middle + (own_s <= ewmas_s[middle])]
    return max(FLOOR_S, FAR * typical_s)
