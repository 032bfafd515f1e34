"""What is counted of one deployment, an entry of the configuration. Kept apart from its identity, so that it
outlives a reload. What is true of its host, key or model is kept there (`layers`)."""

from __future__ import annotations

import math
from weakref import WeakSet

from proxy.routing.hold import NO_HOLD, Hold
from proxy.routing.layered import Watcher
from proxy.routing.pace import Pace
from proxy.routing.quota import Quota
from proxy.routing.settings import COUNTING, RouterSettings
from proxy.types import Deployment, Result, ResultKind

_OK = ResultKind.OK
_NEUTRAL = ResultKind.NEUTRAL


class DeploymentState:
    """One per deployment id, however many pools hold it: a slot taken through one is taken in all."""

    __slots__ = (
        "consecutive",
        "failures",
        "held",
        "in_flight",
        "learns_at",
        "pace",
        "quota",
        "requests",
        "watchers",
    )

    def __init__(self, deployment: Deployment, settings: RouterSettings) -> None:
        self.in_flight = 0
        self.requests = 0
        self.failures = 0
        self.consecutive = 0
        """Failures since its last success."""
        self.held = NO_HOLD
        self.pace = Pace()
        self.learns_at = -math.inf
        """When its answers' word on quotas is to be read again, where nothing is remembered of a model."""
        self.quota: Quota | None = None
        """None while there is nothing to keep: no limit is set."""
        self.watchers: WeakSet[Watcher] = WeakSet()
        """Pools that must look again at the operator's word. Weak: those of an old configuration end with it."""
        self.reload(deployment, settings)

    def reload(self, deployment: Deployment, settings: RouterSettings) -> None:
        """Takes a new configuration's numbers."""
        limited = settings.enforce_rate_limits and bool(deployment.share.rpm or deployment.share.tpm)
        if self.quota is None and (limited or settings.strategy in COUNTING):
            self.quota = Quota()
        if self.quota is not None:
            self.quota.limit(
                deployment.share.rpm, deployment.share.tpm, enforced=settings.enforce_rate_limits
            )

    def begin(self, now: float, tokens: int = 0, caller: bytes = b"") -> None:
        """Takes a slot."""
        self.in_flight += 1
        self.requests += 1
        if self.quota is not None:
            self.quota.take(now, tokens, caller)

    def settle(self, result: Result, now: float, tokens: int = 0, caller: bytes = b"") -> bool:
        """HOT. Gives the slot back and counts. Whether its answers have fallen far behind its group's."""
        assert self.in_flight > 0, "settled more often than picked"
        if self.quota is not None:
            self.quota.give_back(result, now, tokens, self.in_flight, caller)
        self.in_flight -= 1
        kind = result.kind
        if kind is _OK:
            self.consecutive = 0
        elif kind is not _NEUTRAL:
            self.failures += 1
            self.consecutive += 1
        return self.pace.observe(result, now)

    def hold(self, hold: Hold) -> None:
        """The operator's word."""
        self.held = hold
        for watcher in self.watchers:
            watcher.invalidate()
