"""Health: is this process alive, may it get traffic, and which upstreams work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from proxy.control.probe import Probe, ProbeResult, probe_all
from proxy.types import Page, PageRequest, Reply

HEALTHY_STATE = "closed"
"""The word of routing for a deployment that takes requests."""
MAX_QUERY_FIELDS = 20
"""Two are known; more than a few is not a question to this page."""

LIVENESS_PATHS = ("/health/liveliness", "/health/liveness", "/livez")
READINESS_PATHS = ("/health/readiness", "/readyz", "/healthz")


class DeploymentStatus(Protocol):
    """What the health page shows of a deployment; holds no secrets."""

    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def api_base(self) -> str: ...
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


Snapshot = Callable[[], Sequence[DeploymentStatus]]


class Endpoint(msgspec.Struct, frozen=True):
    """One deployment: an upstream key, base URL and model."""

    model_group: str
    model: str
    api_base: str
    deployment_id: str
    state: str
    reason: str
    until_s: float
    """Seconds until it is tried again."""
    in_flight: int
    requests: int
    failures: int
    probe: ProbeResult | msgspec.UnsetType = msgspec.UNSET

    @property
    def healthy(self) -> bool:
        return self.state == HEALTHY_STATE and (self.probe is msgspec.UNSET or self.probe.ok)


class Health(msgspec.Struct, frozen=True):
    """LiteLLM's shape."""

    healthy_endpoints: list[Endpoint]
    unhealthy_endpoints: list[Endpoint]
    healthy_count: int
    unhealthy_count: int


class Readiness(msgspec.Struct, frozen=True):
    status: str
    version: str


def status_pages(
    snapshot: Snapshot, draining: Callable[[], bool], probe: Probe, version: str
) -> tuple[Page, ...]:
    async def live(request: PageRequest) -> Reply:
        return Reply(200, b'"I\'m alive!"')

    async def ready(request: PageRequest) -> Reply:
        # Upstreams in trouble do not make it unready: another instance would find the same upstreams.
        code, word = (503, "draining") if draining() else (200, "healthy")
        return Reply(code, msgspec.json.encode(Readiness(word, version)))

    async def health(request: PageRequest) -> Reply:
        asked = _query(request.query)
        model = asked.get("model")
        statuses = [status for status in snapshot() if model in (None, status.group)]
        wanted = [status.id for status in statuses] if asked.get("probe") == "true" else []
        return Reply(200, msgspec.json.encode(_report(statuses, await probe_all(probe, wanted))))

    return (
        Page("/health", health, public=False, summary="Which upstreams work, from the traffic they got"),
        *(Page(path, live, public=True, summary="The process answers") for path in LIVENESS_PATHS),
        *(Page(path, ready, public=True, summary="Ready for traffic") for path in READINESS_PATHS),
    )


def _query(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, max_num_fields=MAX_QUERY_FIELDS))
    except ValueError:
        return {}


def _report(statuses: Sequence[DeploymentStatus], probed: Mapping[str, ProbeResult]) -> Health:
    endpoints = [_endpoint(status, probed.get(status.id, msgspec.UNSET)) for status in statuses]
    healthy = [endpoint for endpoint in endpoints if endpoint.healthy]
    unhealthy = [endpoint for endpoint in endpoints if not endpoint.healthy]
    return Health(healthy, unhealthy, len(healthy), len(unhealthy))


def _endpoint(status: DeploymentStatus, probe: ProbeResult | msgspec.UnsetType) -> Endpoint:
    return Endpoint(
        model_group=status.group,
        model=status.model,
        api_base=status.api_base,
        deployment_id=status.id,
        state=status.state,
        reason=status.reason,
        until_s=status.until_s,
        in_flight=status.in_flight,
        requests=status.requests,
        failures=status.failures,
        probe=probe,
    )
