"""`/metrics`: the numbers, for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.types import Page, PageRequest, Reply, Secret

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ASKED_FOR = "application/openmetrics-text"

Render = Callable[[bool], Awaitable[bytes]]
"""The numbers as text; true: as OpenMetrics."""


def metrics_page(render: Render, token: Secret | None, *, public: bool) -> Page:
    """`token`: opens it besides the master key. `public`: nobody is asked for either."""

    async def metrics(request: PageRequest) -> Reply:
        openmetrics = _ASKED_FOR in request.accept
        return Reply(200, await render(openmetrics), OPENMETRICS if openmetrics else PLAIN)

    return Page(
        "/metrics", metrics, public=public, summary="Numbers for Prometheus", admin=not public, token=token
    )
