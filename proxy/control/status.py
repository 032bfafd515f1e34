"""Health: is this process alive, may it get traffic, and which upstreams work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from proxy.control.probe import Probe, ProbeResult, probe_all
from proxy.control.query import fields_of
from proxy.control.refusals import probes_are_the_operators
from proxy.control.standing import DeploymentStatus, Endpoint, Snapshot, endpoint
from proxy.storage.status import StateStatus
from proxy.types import Page, PageRequest, Reply

LIVENESS_PATHS = ("/health/liveliness", "/health/liveness", "/livez")
READINESS_PATHS = ("/health/readiness", "/readyz", "/healthz")


Contained = Callable[[], Mapping[str, int]]
"""Errors that walls have stopped, by kind of guest."""
State = Callable[[], StateStatus | None]


class Health(msgspec.Struct, frozen=True):
    """LiteLLM's shape."""

    healthy_endpoints: list[Endpoint]
    unhealthy_endpoints: list[Endpoint]
    healthy_count: int
    unhealthy_count: int
    worker: int
    """Which of the workers answers: each judges for itself."""
    contained_errors: Mapping[str, int]
    """By kind of guest: bugs, found from outside perhaps, that ended their own guest alone; since its start."""
    state: StateStatus | None
    """The file of what outlives a restart, as this worker finds it; null: there is none."""


class Readiness(msgspec.Struct, frozen=True):
    status: str
    version: str


def status_pages(
    snapshot: Snapshot,
    draining: Callable[[], bool],
    probe: Probe,
    version: str,
    worker: int,
    contained: Contained,
    state: State,
) -> tuple[Page, ...]:
    async def live(request: PageRequest) -> Reply:
        return Reply(200, b'"I\'m alive!"')

    async def ready(request: PageRequest) -> Reply:
        # Upstreams in trouble do not make it unready: another instance would find the same upstreams.
        code, word = (503, "draining") if draining() else (200, "healthy")
        return Reply(code, msgspec.json.encode(Readiness(word, version)))

    async def health(request: PageRequest) -> Reply:
        asked = fields_of(request)
        model = asked.get("model") or None
        seen = [status for status in snapshot() if request.may_use(status.group)]
        statuses = [status for status in seen if model in (None, status.group)]
        probes = asked.get("probe") == "true"
        if probes and not request.operator:
            raise probes_are_the_operators()
        wanted = [status.id for status in statuses] if probes else []
        report = _report(statuses, await probe_all(probe, wanted), worker, contained(), state())
        return Reply(200, msgspec.json.encode(report if request.operator else _for_tenants(report)))

    return (
        Page("/health", health, public=False, summary="Which upstreams work, from the traffic they got"),
        *(Page(path, live, public=True, summary="The process answers") for path in LIVENESS_PATHS),
        *(Page(path, ready, public=True, summary="Ready for traffic") for path in READINESS_PATHS),
    )


def _for_tenants(report: Health) -> Health:
    """What the operator wrote and learned, and by whose requests, is the operator's."""
    return msgspec.structs.replace(
        report,
        healthy_endpoints=[found.for_tenants() for found in report.healthy_endpoints],
        unhealthy_endpoints=[found.for_tenants() for found in report.unhealthy_endpoints],
        contained_errors={},
        state=None,
    )


def _report(
    statuses: Sequence[DeploymentStatus],
    probed: Mapping[str, ProbeResult],
    worker: int,
    contained: Mapping[str, int],
    state: StateStatus | None,
) -> Health:
    now_unix_s = time.time()
    endpoints = [endpoint(status, now_unix_s, probed.get(status.id, msgspec.UNSET)) for status in statuses]
    healthy = [found for found in endpoints if found.healthy]
    unhealthy = [found for found in endpoints if not found.healthy]
    return Health(healthy, unhealthy, len(healthy), len(unhealthy), worker, contained, state)
