"""What is counted of one deployment. Kept apart from its identity, so that it outlives a reload."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

from proxy.routing.health import Health
from proxy.routing.hold import NO_HOLD, Hold
from proxy.routing.settings import RouterSettings
from proxy.types import Deployment, Result, ResultKind

_NOT_FAILURES = (ResultKind.OK, ResultKind.NEUTRAL)


class Watcher(Protocol):
    def invalidate(self) -> None: ...


class DeploymentState:
    """One per deployment id, however many pools hold it: a slot taken through one is taken in all."""

    __slots__ = ("failures", "health", "held", "in_flight", "requests", "watchers")

    def __init__(self, deployment: Deployment, settings: RouterSettings) -> None:
        self.in_flight = 0
        self.requests = 0
        self.failures = 0
        self.health = Health(settings, deployment.cooldown_s)
        self.held = NO_HOLD
        self.watchers: WeakSet[Watcher] = WeakSet()
        """Pools that must look again when health changes. Weak: those of an old configuration end with it."""

    def begin(self, now: float) -> None:
        """HOT. Takes a slot."""
        self.in_flight += 1
        self.requests += 1
        if self.health.benched and self.health.begin_trial(now):
            self._notify()

    def settle(self, result: Result, now: float) -> None:
        """HOT. Gives the slot back and learns from the result."""
        assert self.in_flight > 0, "settled more often than picked"
        self.in_flight -= 1
        if result.kind not in _NOT_FAILURES:
            self.failures += 1
        self.learn(result, now)

    def learn(self, result: Result, now: float) -> None:
        if self.health.observe(result, now):
            self._notify()

    def hold(self, hold: Hold, now: float) -> None:
        self.held = hold
        if not hold.holds(now):
            self.health.revive()
        self._notify()

    def _notify(self) -> None:
        for watcher in self.watchers:
            watcher.invalidate()
