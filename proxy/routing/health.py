"""The health of one thing that can fail: closed, open until a time, then half-open with one probe at a time.

What fails is a host, a key, a key's model, or a key's kind of request (`layers`); this is the same for all. Three
rules cut across:

- While a bench runs, late news of requests sent before it can make it longer, never shorter, and does not
  count as one more benching: a hundred requests refused together are one failure.
- A pool with nothing better turns to the benched ("last resort"): to those that were merely failing or slow at any
  time; to those that refused connections with one probe per cooldown, so that a lone host is back within
  seconds of its restart; never to those that said when to come back (429) or will not have it (401, 403, 404).
- How long a bench lasts doubles with every benching in a row for the same reason; each quiet minute in good
  health takes back one doubling.
"""

from __future__ import annotations

import enum
import math

import msgspec

from proxy.routing.rules import Rule

PROBE_PATIENCE_S = 10.0
"""A probe that takes longer (a long answer is on its way) no longer keeps the next one waiting."""
QUIET_S = 60.0
MAX_DOUBLINGS = 16
"""Beyond every cap; keeps the power small."""
_NEVER = -math.inf


class Stage(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Told(msgspec.Struct, frozen=True):
    """What it was learned by."""

    status: int = 0
    """The upstream's; 0: no status line came."""
    word: str = ""
    """The upstream's own code or type for it."""
    call_id: str = ""


UNTOLD = Told()


class Health:
    """Mutable. Methods that return bool say whether who may be picked has changed."""

    __slots__ = (
        "_closed_at",
        "_last_resort_at",
        "_streak",
        "_trial_at",
        "benched",
        "rule",
        "since",
        "told",
        "until",
    )
    benched: bool
    rule: Rule | None  # of the last bench
    _streak: int  # benchings in a row by that rule
    until: float  # the bench ends
    _last_resort_at: float  # a pool with nothing better may pick it
    _trial_at: float  # it was last picked while benched

    def __init__(self) -> None:
        self.since = 0.0
        self.told = UNTOLD
        self._closed_at = _NEVER
        self.forget()

    def bench(
        self,
        rule: Rule,
        now: float,
        cooldown_s: float,
        length_s: float | None = None,
        told: Told = UNTOLD,
    ) -> None:
        """`length_s`: the upstream's own word on it."""
        streak = self._streak_of(rule, now)
        if length_s is None:
            length_s = _length_s(rule, cooldown_s, streak)
        self._begin(rule, streak, now, now + length_s, now + _last_resort_s(rule, length_s, cooldown_s), told)

    def hear(
        self, rule: Rule, streak: int, until: float, last_resort_at: float, now: float, told: Told
    ) -> None:
        """What another process has learned."""
        self._begin(rule, streak, now, until, last_resort_at, told)

    @property
    def streak(self) -> int:
        return self._streak

    @property
    def last_resort_at(self) -> float:
        return self._last_resort_at

    def succeeded(self, now: float) -> bool:
        if not self.benched:
            return False
        if now < self.until and self._trial_at == _NEVER:
            return False  # sent before the bench: says nothing about now
        self.lift(now)
        return True

    def lift(self, now: float) -> None:
        """It is well again; the doublings are taken back by quiet minutes."""
        self._closed_at = now
        self._lift()

    def forget(self) -> None:
        """Lifts a bench that no success has ended: the next one is the first."""
        self.rule = None
        self._streak = 0
        self._lift()

    def look_again(self) -> bool:
        """Of what said that it will not have it, the rest is over: the next request tries it."""
        if not self.benched or self.rule is None or not self.rule.shuts_out:
            return False
        self.until = self._last_resort_at = self.since
        self._trial_at = _NEVER
        return True

    def begin_trial(self, now: float) -> bool:
        """It was picked while benched."""
        self._trial_at = now
        return self._one_at_a_time(now)

    def learned_nothing(self, now: float) -> bool:
        """A request ended that says nothing of it; if it was the probe, the next one may come."""
        changed = self._trial_at != _NEVER and self._one_at_a_time(now)
        self._trial_at = _NEVER
        return changed

    def stage(self, now: float) -> Stage:
        if not self.benched:
            return Stage.CLOSED
        return Stage.OPEN if now < self.until else Stage.HALF_OPEN

    def reason(self) -> str:
        """Why it is benched; empty when it is not."""
        return self.rule.reason if self.benched and self.rule is not None else ""

    def until_s(self, now: float) -> float:
        """Seconds until the bench ends; 0 when there is none."""
        return max(0.0, self.until - now) if self.benched else 0.0

    def admits(self, now: float) -> bool:
        return not self.benched or (now >= self.until and self._is_free(self.until, now))

    def admits_last_resort(self, now: float) -> bool:
        """May it be picked by a pool in which nothing else may?"""
        if not self.benched:
            return True
        if now < self._last_resort_at:
            return False
        return self._still_answers() or self._is_free(self._last_resort_at, now)

    def next_change(self, now: float) -> float:
        """When the answers above may change by time alone."""
        if not self.benched:
            return math.inf
        if now < self._last_resort_at:  # never later than the end of the bench
            return self._last_resort_at
        times = (self.until, self._trial_at + PROBE_PATIENCE_S)
        return min((time for time in times if time > now), default=math.inf)

    def _is_free(self, gate: float, now: float) -> bool:
        """No probe that passed this gate is still on its way."""
        return self._trial_at < gate or now >= self._trial_at + PROBE_PATIENCE_S

    def _one_at_a_time(self, now: float) -> bool:
        return self.benched and (now >= self.until or not self._still_answers())

    def _still_answers(self) -> bool:
        return self.rule is not None and self.rule.still_answers

    def _begin(
        self, rule: Rule, streak: int, now: float, until: float, last_resort_at: float, told: Told
    ) -> None:
        if until >= self.until:
            if not self.benched or rule is not self.rule:
                self.since = now
            self.rule, self._streak, self.until, self.told = rule, streak, until, told
        self._last_resort_at = max(self._last_resort_at, last_resort_at)
        self.benched = True
        self._trial_at = _NEVER

    def _streak_of(self, rule: Rule, now: float) -> int:
        """Benchings in a row for this reason, this one included."""
        if rule is not self.rule:
            return 1
        if self.benched and now < self.until:
            return self._streak
        quiet_s = 0.0 if self.benched else now - self._closed_at
        return max(0, self._streak - int(quiet_s / QUIET_S)) + 1

    def _lift(self) -> None:
        self.benched = False
        self.until = self._last_resort_at = self._trial_at = _NEVER


def _length_s(rule: Rule, cooldown_s: float, streak: int) -> float:
    first_s = cooldown_s if rule.first_s is None else rule.first_s
    doubled_s: float = first_s * 2 ** min(streak - 1, MAX_DOUBLINGS)
    return min(doubled_s, max(first_s, rule.longest_s))


def _last_resort_s(rule: Rule, length_s: float, cooldown_s: float) -> float:
    if rule.still_answers:
        return 0.0
    return min(length_s, cooldown_s) if rule.probes else length_s
