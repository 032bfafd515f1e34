"""Whether failures (5xx, timeouts, broken answers) say something of a key's model, or of who asked for them.

Each request that fails leaves one mark on the key and model it failed on. What a mark is worth depends on what became
of the request elsewhere, and on what else succeeds on the same key and model meanwhile:

- *Cleared*: it was answered well by another key. It was no poison; the mark counts at once if the marks are of more
  than one body, and of more than one caller or nobody but that caller has succeeded here in the last half minute.
- *Open*: nothing more is known of it. The mark counts once nothing has succeeded here for `MEANWHILE_S`.
- *Alike*: it failed alike on another key. It is the likelier culprit: all it left is one suspicion, which counts where
  nothing has succeeded for `QUIET_S`.

A cleared mark of one body or one caller counts as an open one does. Marks that count bench when `allowed_fails` of
them stand in a row (since the last success), or when more than half of at least five requests failed within half a
minute. So a lone client whose key is dead is rid of it after `allowed_fails` requests, or two seconds after the key's
last success if that was just now; and whoever sends poison, in one body or in thousands, alone or as many, is
outvoted by everybody's successes: poison is never cleared. One caller whom one key alone cannot serve is outvoted
by what others get from that key.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from proxy.routing.window import FailureRate
from proxy.routing.wish import Cause

if TYPE_CHECKING:
    from proxy.routing.layers import Model

MEANWHILE_S = 2.0
QUIET_S = 30.0
"""As long as failures are remembered by rate."""
MARKS = 16
"""Kept of the latest, those of the caller with the most leave first: more than any row that benches is likely to need,
and nobody's flood of failures hides what others saw."""
_NEVER = -math.inf


class Mark:
    """One request's failure on one key and model. Mutable: what becomes of the request is not known yet."""

    __slots__ = ("alike", "at", "caller", "cleared", "fingerprint", "model", "number", "status", "word")

    def __init__(self, model: Model, cause: Cause, at: float) -> None:
        self.model = model
        self.number = 0
        """Of those on this model, from 1."""
        self.status = 0
        self.word = ""
        self.fingerprint = cause.fingerprint
        self.caller = cause.caller
        self.at = at
        self.alike = False
        self.cleared = False


class Evidence:
    """Mutable, of one key and model."""

    __slots__ = ("_failures", "_marks", "_ok_at", "_ok_by", "_other_at", "_recent", "consecutive")

    def __init__(self) -> None:
        self.consecutive = 0
        """Requests that failed since the last success."""
        self._recent = FailureRate()
        self._failures = 0
        self._marks: list[Mark] = []
        self._ok_at = _NEVER
        self._ok_by: bytes | None = None
        self._other_at = _NEVER
        """When somebody else than `_ok_by` last succeeded."""

    def succeeded(self, caller: bytes, now: float) -> None:
        """HOT. `FailureRate.succeeded`, unrolled: one call less for every request."""
        self.consecutive = 0
        recent = self._recent
        if now < recent.ends:
            recent.newest.requests += 1
        else:
            recent.succeeded(now)
        if caller != self._ok_by:
            self._other_at, self._ok_by = self._ok_at, caller
        self._ok_at = now

    def failed(self, model: Model, cause: Cause, now: float) -> Mark:
        """One mark for each request, however often it failed here. `model`: whose evidence this is."""
        mark = next((mark for mark in cause.suspects if mark.model is model), None)
        if mark is None:
            mark = Mark(model, cause, now)
            self._keep(mark)
            cause.suspects.append(mark)
            self._recent.failed(now)
            self.consecutive += 1
        mark.at = now
        if len(cause.suspects) > 1:
            for each in cause.suspects:
                each.alike = True
        return mark

    def convicts(self, allowed_fails: int, now: float) -> bool:
        """Whether what is known now benches."""
        row = [mark for mark in self._marks if mark.number > self._failures - self.consecutive]
        if self._count(row, now) >= min(allowed_fails, MARKS):
            return True
        lately = [mark for mark in self._marks if mark.at > now - QUIET_S]
        return bool(lately) and self._recent.is_high(now, self._count(lately, now) / len(lately))

    def clear(self) -> None:
        self._marks.clear()
        self._recent.clear()

    def forget(self) -> None:
        self.consecutive = 0
        self.clear()

    def _keep(self, mark: Mark) -> None:
        self._failures += 1
        mark.number = self._failures
        self._marks.append(mark)
        if len(self._marks) > MARKS:
            [(most, _)] = Counter(each.caller for each in self._marks).most_common(1)
            self._marks.remove(next(each for each in self._marks if each.caller == most))

    def _count(self, marks: list[Mark], now: float) -> int:
        """How many of these count now."""
        silent_s = now - self._ok_at
        apart = self._are_apart(marks, now)
        return sum(_patience_s(mark, apart=apart) <= silent_s for mark in marks)

    def _are_apart(self, marks: Iterable[Mark], now: float) -> bool:
        """Of more than one body, and not all of one caller while others succeed."""
        cleared = [mark for mark in marks if mark.cleared]
        callers = {mark.caller for mark in cleared}
        if len({mark.fingerprint for mark in cleared}) < 2:
            return False
        return len(callers) > 1 or not self._others_succeeded(callers, now)

    def _others_succeeded(self, callers: set[bytes], now: float) -> bool:
        other_at = self._ok_at if self._ok_by not in callers else self._other_at
        return now - other_at < QUIET_S


def _patience_s(mark: Mark, *, apart: bool) -> float:
    """How long nothing may have succeeded for the mark to count."""
    if mark.cleared:
        return 0.0 if apart else MEANWHILE_S
    return QUIET_S if mark.alike else MEANWHILE_S
