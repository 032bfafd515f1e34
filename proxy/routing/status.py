"""What the control room may show of a deployment: never its key."""

from __future__ import annotations

import math

import msgspec

from proxy.routing.health import Stage
from proxy.routing.state import DeploymentState
from proxy.types import Deployment

UNSERVABLE = "unservable"


class DeploymentStatus(msgspec.Struct, frozen=True):
    id: str
    group: str
    model: str
    api_base: str
    state: str
    """`closed`, `open` or `half_open`; `unservable`: the configuration has it, and `reason` says what is amiss."""
    reason: str
    """`refused`, `auth`, `rate_limited` (by a 429 or its quota), `failing`, `slow`, `operator`, `draining`; empty
    when closed."""
    until_s: float
    """Seconds from now until it may get requests again; `inf`: until the operator revives it."""
    in_flight: int
    requests: int
    failures: int
    consecutive: int
    """Failures since the last success."""
    ewma_s: float | None = None
    """Seconds until its answers begin, on average of late; None: none has."""
    remaining_requests: int | None = None
    """What its answers say that its key has left, less what was sent since; None: they do not say."""
    remaining_tokens: int | None = None
    rpm_used: int | None = None
    """Requests of the last minute; None: not counted, since nothing limits them."""
    tpm_used: int | None = None
    """Tokens, those of running requests as expected."""
    origin: str = ""
    """The line and variable that a person wrote it by."""


def describe(deployment: Deployment, state: DeploymentState, now: float) -> DeploymentStatus:
    stage, reason, until_s = _standing(deployment, state, now)
    quota = state.quota
    remaining = (None, None) if quota is None else quota.remaining(now)
    used = (None, None) if quota is None else quota.used(now)
    return DeploymentStatus(
        id=deployment.id,
        group=deployment.group,
        model=deployment.model,
        api_base=_without_credentials(deployment.api_base),
        state=stage,
        reason=reason,
        until_s=until_s,
        in_flight=state.in_flight,
        requests=state.requests,
        failures=state.failures,
        consecutive=state.health.consecutive,
        ewma_s=state.pace.ewma_s(),
        remaining_requests=remaining[0],
        remaining_tokens=remaining[1],
        rpm_used=used[0],
        tpm_used=used[1],
        origin=deployment.origin,
    )


def _standing(deployment: Deployment, state: DeploymentState, now: float) -> tuple[str, str, float]:
    if deployment.unservable is not None:
        return UNSERVABLE, deployment.unservable, math.inf
    stage, reason, until_s = _rest(state, now)
    return stage.value, reason, until_s


def _rest(state: DeploymentState, now: float) -> tuple[Stage, str, float]:
    """Stage, why, and for how long. The operator's word outranks health, and health the quota."""
    if state.held.holds(now):
        return Stage.OPEN, state.held.reason, state.held.until - now
    health = state.health
    if health.benched or state.quota is None or state.quota.admits(now, 0):
        return health.stage(now), health.reason(), health.until_s(now)
    return Stage.OPEN, "rate_limited", state.quota.wait_s(now, 0)


def _without_credentials(url: str) -> str:
    """`https://user:password@host/path?token=...` loses user, password and query."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
