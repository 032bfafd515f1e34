"""A deployment with its state, as pools hold it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.types import Deployment


class Member:
    """The same object in every pool of one router."""

    __slots__ = ("deployment", "limit", "state", "tier", "weight")

    def __init__(self, deployment: Deployment, state: DeploymentState, settings: RouterSettings) -> None:
        limit = deployment.max_parallel_requests
        if limit is None:
            limit = settings.default_max_parallel_requests
        self.deployment = deployment
        self.state = state
        self.limit = sys.maxsize if limit is None else limit
        self.tier = (deployment.order, deployment.weight == 0)
        """Within one order, those of weight 0 come after all others."""
        self.weight = deployment.weight or 1

    def takes(self, now: float, tried: Sequence[Deployment], tokens: int) -> bool:
        """Has it room for this request?"""
        quota = self.state.quota
        return (
            self.state.in_flight < self.limit
            and self.deployment not in tried
            and (quota is None or quota.admits(now, tokens))
        )
