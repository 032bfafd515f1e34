"""The health of one deployment: closed, open until a time, then half-open with one probe at a time.

`Health.observe` is the one door for what attempts teach. Three rules cut across its table:

- While a bench runs, late news of requests sent before it can make it longer, never shorter, and does not
  count as one more benching: a hundred requests refused together are one failure.
- A pool with nothing better turns to the benched ("last resort"): to those that were merely failing at any
  time, since an error from the upstream serves the client better than one made up here, and to those that were
  merely slow; to those that refused connections with one probe per cooldown, so that a lone host is back within
  seconds of its restart; never to those that said when to come back (429) or will not have this key (401, 403).
- How long a bench lasts doubles with every benching in a row for the same reason; each quiet minute in good
  health takes back one doubling.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import ClassVar

import msgspec

from proxy.routing.settings import RouterSettings
from proxy.routing.window import FailureRate
from proxy.types import Result, ResultKind

PROBE_PATIENCE_S = 10.0
"""A probe that takes longer (a long answer is on its way) no longer keeps the next one waiting."""
QUIET_S = 60.0
MAX_DOUBLINGS = 16
"""Beyond every cap; keeps the power small."""
_NEVER = -math.inf
_OK = ResultKind.OK
_LATE = Result(_OK)


class Stage(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Rule(msgspec.Struct, frozen=True, eq=False):
    """How one sort of failure benches. The first bench lasts `first_s` (None: the cooldown), then doubles."""

    reason: str
    first_s: float | None = None
    longest_s: float = 0.0
    """0: never longer than the first."""


LONGEST_S = 30.0
"""Of benches that end by themselves: a host that is back gets requests within half a minute."""
REFUSED = Rule("refused", longest_s=LONGEST_S)
AUTH = Rule("auth", first_s=300.0, longest_s=3600.0)
RATE_LIMITED = Rule("rate_limited")
FAILING = Rule("failing", longest_s=LONGEST_S)
SLOW = Rule("slow", longest_s=LONGEST_S)
BY_RATE = (FAILING, SLOW)
"""These still answer: a pool with nothing better goes on using them."""
AT_ONCE: dict[ResultKind, Rule] = {
    ResultKind.REFUSED: REFUSED,
    ResultKind.AUTH: AUTH,
    ResultKind.RATE_LIMITED: RATE_LIMITED,
}


class Health:
    """Mutable, of one deployment. Methods that return bool say whether who may be picked has changed."""

    __slots__ = (
        "_closed_at",
        "_cooldown_s",
        "_last_resort_at",
        "_recent",
        "_rule",
        "_settings",
        "_streak",
        "_trial_at",
        "_until",
        "benched",
        "consecutive",
    )
    _rule: Rule | None  # of the last bench
    _streak: int  # benchings in a row by that rule
    _until: float  # the bench ends
    _last_resort_at: float  # a pool with nothing better may pick it
    _trial_at: float  # it was last picked while benched

    def __init__(self, settings: RouterSettings, cooldown_s: float | None = None) -> None:
        self.consecutive = 0
        self._closed_at = _NEVER
        self._recent = FailureRate()
        self._forget()
        self.configure(settings, cooldown_s)

    def configure(self, settings: RouterSettings, cooldown_s: float | None) -> None:
        """New numbers after a reload; a running bench keeps its end, unless benches are turned off."""
        self._settings = settings
        self._cooldown_s = settings.cooldown_s if cooldown_s is None else cooldown_s
        if not self._can_bench():
            self._forget()

    def observe(self, result: Result, now: float) -> bool:
        if result.kind is _OK:  # nearly always; hashing an enum's member is a call
            return self._succeeded(result, now)
        return self._actions[result.kind](self, result, now)

    def fall_behind(self, now: float) -> bool:
        """Its answers were far slower than its group's, several times in a row."""
        return not self.benched and self._bench(SLOW, _LATE, now)

    def trust_key(self) -> None:
        """A reload may have brought a better one."""
        if self._rule is AUTH:
            self._forget()

    def revive(self) -> None:
        """The operator says that it is well."""
        self.consecutive = 0
        self._forget()

    def begin_trial(self, now: float) -> bool:
        """A benched deployment was picked."""
        self._trial_at = now
        return self._one_at_a_time(now)

    def stage(self, now: float) -> Stage:
        if not self.benched:
            return Stage.CLOSED
        return Stage.OPEN if now < self._until else Stage.HALF_OPEN

    def reason(self) -> str:
        """Why it is benched; empty when it is not."""
        return self._rule.reason if self.benched and self._rule is not None else ""

    def is_rate_limited(self) -> bool:
        return self.benched and self._rule is RATE_LIMITED

    def is_unauthorized(self) -> bool:
        return self.benched and self._rule is AUTH

    def until_s(self, now: float) -> float:
        """Seconds until the bench ends; 0 when there is none."""
        return max(0.0, self._until - now) if self.benched else 0.0

    def admits(self, now: float) -> bool:
        return not self.benched or (now >= self._until and self._is_free(self._until, now))

    def admits_last_resort(self, now: float) -> bool:
        """May it be picked by a pool in which nothing else may?"""
        if now < self._last_resort_at:
            return False
        return self._rule in BY_RATE or self._is_free(self._last_resort_at, now)

    def next_change(self, now: float) -> float:
        """When the answers above may change by time alone."""
        if not self.benched:
            return math.inf
        if now < self._last_resort_at:  # never later than the end of the bench
            return self._last_resort_at
        times = (self._until, self._trial_at + PROBE_PATIENCE_S)
        return min((time for time in times if time > now), default=math.inf)

    def _is_free(self, gate: float, now: float) -> bool:
        """No probe that passed this gate is still on its way."""
        return self._trial_at < gate or now >= self._trial_at + PROBE_PATIENCE_S

    def _one_at_a_time(self, now: float) -> bool:
        return self.benched and (now >= self._until or self._rule not in BY_RATE)

    def _succeeded(self, _result: Result, now: float) -> bool:
        self.consecutive = 0
        self._recent.succeeded(now)
        if not self.benched:
            return False
        if now < self._until and self._trial_at == _NEVER:
            return False  # sent before the bench: says nothing about now
        self._closed_at = now
        self._lift()
        return True

    def _learned_nothing(self, _result: Result, now: float) -> bool:
        return self._end_trial(now)

    def _turned_away(self, result: Result, now: float) -> bool:
        self.consecutive += 1
        return self._bench(AT_ONCE[result.kind], result, now)

    def _failed(self, result: Result, now: float) -> bool:
        self.consecutive += 1
        self._recent.failed(now)
        if self.benched and now < self._until:
            return self._end_trial(now)
        if self.benched or self._fails_too_often(now):
            return self._bench(FAILING, result, now)
        return False

    def _fails_too_often(self, now: float) -> bool:
        return self.consecutive >= self._settings.allowed_fails or self._recent.is_high(now)

    def _end_trial(self, now: float) -> bool:
        changed = self._trial_at != _NEVER and self._one_at_a_time(now)
        self._trial_at = _NEVER
        return changed

    def _bench(self, rule: Rule, result: Result, now: float) -> bool:
        if not self._can_bench():
            return False
        streak = self._streak_of(rule, now)
        length_s = self._length_s(rule, result, streak)
        if now + length_s >= self._until:
            self._rule, self._streak, self._until = rule, streak, now + length_s
        last_resort_at = now + self._last_resort_s(rule, length_s)
        self._last_resort_at = max(self._last_resort_at, last_resort_at)
        self.benched = True
        self._trial_at = _NEVER
        self._recent.clear()
        return True

    def _streak_of(self, rule: Rule, now: float) -> int:
        """Benchings in a row for this reason, this one included."""
        if rule is not self._rule:
            return 1
        if self.benched and now < self._until:
            return self._streak
        quiet_s = 0.0 if self.benched else now - self._closed_at
        return max(0, self._streak - int(quiet_s / QUIET_S)) + 1

    def _length_s(self, rule: Rule, result: Result, streak: int) -> float:
        if rule is RATE_LIMITED and result.retry_after_s is not None:
            return min(max(0.0, result.retry_after_s), self._settings.max_retry_after_s)
        first_s = self._cooldown_s if rule.first_s is None else rule.first_s
        doubled_s: float = first_s * 2 ** min(streak - 1, MAX_DOUBLINGS)
        return min(doubled_s, max(first_s, rule.longest_s))

    def _last_resort_s(self, rule: Rule, length_s: float) -> float:
        if rule in BY_RATE:
            return 0.0
        return min(length_s, self._cooldown_s) if rule is REFUSED else length_s

    def _can_bench(self) -> bool:
        return not self._settings.disable_cooldowns and self._cooldown_s > 0

    def _forget(self) -> None:
        """Lifts a bench that no success has ended: the next one is the first."""
        self._rule = None
        self._streak = 0
        self._lift()

    def _lift(self) -> None:
        self.benched = False
        self._until = self._last_resort_at = self._trial_at = _NEVER
        self._recent.clear()

    _actions: ClassVar[dict[ResultKind, Callable[[Health, Result, float], bool]]] = {
        ResultKind.OK: _succeeded,
        ResultKind.NEUTRAL: _learned_nothing,
        ResultKind.REFUSED: _turned_away,
        ResultKind.AUTH: _turned_away,
        ResultKind.RATE_LIMITED: _turned_away,
        ResultKind.TIMEOUT: _failed,
        ResultKind.SERVER_ERROR: _failed,
        ResultKind.BROKEN: _failed,
    }
