"""How one deployment stands: its state, why, until when, and what was counted of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from proxy.control.probe import ProbeResult
from proxy.control.shown import LayerStatus, ShownLayer, shown_layer

HEALTHY_STATE = "closed"
"""The word of routing for a deployment that takes requests."""


class DeploymentStatus(Protocol):
    """What the pages show of a deployment; holds no secrets."""

    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def api_base(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def until_s(self) -> float: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def consecutive(self) -> int: ...
    @property
    def ewma_s(self) -> float | None: ...
    @property
    def remaining_requests(self) -> int | None: ...
    @property
    def remaining_tokens(self) -> int | None: ...
    @property
    def rpm_used(self) -> int | None: ...
    @property
    def tpm_used(self) -> int | None: ...
    @property
    def layers(self) -> Sequence[LayerStatus]: ...


Snapshot = Callable[[], Sequence[DeploymentStatus]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment: an upstream key, base URL and model."""

    model_group: str
    model: str
    api_base: str
    deployment_id: str
    origin: str
    """The line of the configuration and the variable of the key: `config.yaml:12 OPENAI_API_KEY_2`."""
    state: str
    """`closed`: it takes requests. `open`: it rests. `half_open`: the next request tries it.
    `unservable`: the entry cannot be served, for the reason told."""
    reason: str
    until: str | None
    """When its rest ends (RFC 3339, UTC); null when it does not rest, or until the operator revives it."""
    until_s: float | None
    """Seconds until then; 0 when it does not rest, null until the operator revives it."""
    in_flight: int
    requests: int
    failures: int
    consecutive: int
    """Failures since the last success."""
    ewma_s: float | None
    """Seconds until its answers begin, on average of late."""
    remaining_requests: int | None
    """What its key has left, as its answers say."""
    remaining_tokens: int | None
    rpm_used: int | None
    """Requests of the last minute, where something limits them."""
    tpm_used: int | None
    layers: list[ShownLayer]
    """What it stands on that rests, for some of its requests at least."""
    probe: ProbeResult | msgspec.UnsetType = msgspec.UNSET

    def for_tenants(self) -> Endpoint:
        """Without the operator's file, and what was learned by others' requests."""
        return msgspec.structs.replace(self, origin="", layers=[])

    @property
    def healthy(self) -> bool:
        return self.state == HEALTHY_STATE and (self.probe is msgspec.UNSET or self.probe.ok)


def endpoint(
    status: DeploymentStatus, now_unix_s: float, probe: ProbeResult | msgspec.UnsetType = msgspec.UNSET
) -> Endpoint:
    return Endpoint(
        model_group=status.group,
        model=status.model,
        api_base=status.api_base,
        deployment_id=status.id,
        origin=status.origin,
        state=status.state,
        reason=status.reason,
        until=until(status, now_unix_s),
        until_s=until_s(status),
        in_flight=status.in_flight,
        requests=status.requests,
        failures=status.failures,
        consecutive=status.consecutive,
        ewma_s=status.ewma_s,
        remaining_requests=status.remaining_requests,
        remaining_tokens=status.remaining_tokens,
        rpm_used=status.rpm_used,
        tpm_used=status.tpm_used,
        layers=[shown_layer(layer, now_unix_s) for layer in status.layers],
        probe=probe,
    )


def until_s(status: DeploymentStatus) -> float | None:
    return round(status.until_s, 3) if math.isfinite(status.until_s) else None


def until(status: DeploymentStatus, now_unix_s: float) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if not 0 < status.until_s < math.inf:
        return None
    moment = datetime.fromtimestamp(now_unix_s, UTC) + timedelta(milliseconds=round(status.until_s * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
