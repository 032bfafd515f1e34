"""What is counted of one deployment. Kept apart from its identity, so that it outlives a reload."""

from __future__ import annotations

import math
from typing import Protocol
from weakref import WeakSet

from proxy.routing.health import Health
from proxy.routing.hold import NO_HOLD, Hold
from proxy.routing.pace import Pace
from proxy.routing.quota import Quota
from proxy.routing.settings import COUNTING, RouterSettings
from proxy.types import Deployment, Limits, Result, ResultKind

_NOT_FAILURES = (ResultKind.OK, ResultKind.NEUTRAL)
_ANSWERED = Result(ResultKind.OK)


LEARNS_EVERY_S = 0.05
"""Under load most answers' words on the quota are not read: they cost as much as choosing a deployment."""
LEARNS_SELDOM_S = 1.0
"""While there is plenty, or nothing is said: many deployments, each asked now and then, must not cost more than one."""


class Watcher(Protocol):
    def invalidate(self) -> None: ...


class DeploymentState:
    """One per deployment id, however many pools hold it: a slot taken through one is taken in all."""

    __slots__ = (
        "_learns",
        "_learns_at",
        "failures",
        "health",
        "held",
        "in_flight",
        "pace",
        "quota",
        "requests",
        "watchers",
    )

    def __init__(self, deployment: Deployment, settings: RouterSettings) -> None:
        self.in_flight = 0
        self.requests = 0
        self.failures = 0
        self.health = Health(settings, deployment.cooldown_s)
        self.held = NO_HOLD
        self.pace = Pace()
        self._learns_at = -math.inf
        self.quota: Quota | None = None
        """None while there is nothing to keep: no limit is set, and no answer told of one."""
        self.watchers: WeakSet[Watcher] = WeakSet()
        """Pools that must look again when health changes. Weak: those of an old configuration end with it."""
        self._set_quota(deployment, settings)

    def reload(self, deployment: Deployment, settings: RouterSettings) -> None:
        """Takes a new configuration's numbers. What was learned stays, but that a key will not do: it may be new."""
        self.health.configure(settings, deployment.cooldown_s)
        self.health.trust_key()
        self._set_quota(deployment, settings)

    def begin(self, now: float, tokens: int = 0) -> None:
        """HOT. Takes a slot."""
        self.in_flight += 1
        self.requests += 1
        if self.quota is not None:
            self.quota.take(now, tokens)
        if self.health.benched and self.health.begin_trial(now):
            self._notify()

    def answered(self, now: float, limits: Limits | None, picked_at: float | None, tokens: int) -> None:
        """A good answer's head is here."""
        if limits is None:
            self._learns_at = now + (LEARNS_SELDOM_S if self.quota is None else LEARNS_EVERY_S)
        elif self._learns:
            self._learn(limits, now, picked_at, tokens)
        if self.health.benched and self.health.observe(_ANSWERED, now):
            self._notify()

    def settle(self, result: Result, now: float, tokens: int | None = None) -> None:
        """HOT. Gives the slot back and learns from the result."""
        assert self.in_flight > 0, "settled more often than picked"
        if result.limits is not None and self._learns:
            picked_at = None if result.first_byte_s is None else now - result.first_byte_s
            self._learn(result.limits, now, picked_at, tokens or 0)
        if self.quota is not None:
            self.quota.give_back(result, now, tokens, self.in_flight)
        self.in_flight -= 1
        if result.kind not in _NOT_FAILURES:
            self.failures += 1
        if self.health.observe(result, now):
            self._notify()
        if self.pace.observe(result, now) and self.health.fall_behind(now):
            self._notify()

    def wants_limits(self, now: float) -> bool:
        """What was sent since the last report is subtracted from it, so it need not be of this moment."""
        return self._learns and now >= self._learns_at

    def rests(self, now: float) -> bool:
        health = self.health
        if self.held.holds(now):
            return True
        return health.benched and not (health.admits(now) or health.admits_last_resort(now))

    def hold(self, hold: Hold, now: float) -> None:
        """The operator's word."""
        self.held = hold
        if not hold.holds(now):
            self.health.revive()
            if self.quota is not None:
                self.quota.forget()
        self._notify()

    def _set_quota(self, deployment: Deployment, settings: RouterSettings) -> None:
        self._learns = settings.learn_rate_limits
        limited = settings.enforce_rate_limits and bool(deployment.rpm or deployment.tpm)
        if self.quota is None and (limited or settings.strategy in COUNTING):
            self.quota = Quota()
        if self.quota is None:
            return
        self.quota.limit(deployment.rpm, deployment.tpm, enforced=settings.enforce_rate_limits)
        if not self._learns:
            self.quota.forget()

    def _learn(self, limits: Limits, now: float, picked_at: float | None, tokens: int) -> None:
        if self.quota is None:
            self.quota = Quota()
            for _ in range(self.in_flight):  # sent before anything was counted
                self.quota.take(now, 0)
        self.quota.learn(limits, now, picked_at, tokens)
        self._learns_at = now + (LEARNS_EVERY_S if self.quota.is_scarce() else LEARNS_SELDOM_S)

    def _notify(self) -> None:
        for watcher in self.watchers:
            watcher.invalidate()
