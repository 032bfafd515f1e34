"""What the control room may show of a deployment: never its key."""

from __future__ import annotations

import msgspec

from proxy.routing.state import DeploymentState
from proxy.types import Deployment


class DeploymentStatus(msgspec.Struct, frozen=True):
    id: str
    group: str
    model: str
    api_base: str
    state: str
    """`closed`, `open` or `half_open`."""
    reason: str
    """`refused`, `auth`, `rate_limited`, `failing`; empty when closed."""
    until_s: float
    """Seconds from now until the bench ends."""
    in_flight: int
    requests: int
    failures: int
    consecutive: int
    """Failures since the last success."""


def describe(deployment: Deployment, state: DeploymentState, now: float) -> DeploymentStatus:
    health = state.health
    return DeploymentStatus(
        id=deployment.id,
        group=deployment.group,
        model=deployment.model,
        api_base=_without_credentials(deployment.api_base),
        state=health.stage(now).value,
        reason=health.reason(),
        until_s=health.until_s(now),
        in_flight=state.in_flight,
        requests=state.requests,
        failures=state.failures,
        consecutive=health.consecutive,
    )


def _without_credentials(url: str) -> str:
    """`https://user:password@host/path?token=...` loses user, password and query."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
