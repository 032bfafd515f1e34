"""The gateway's own pages, each with what it shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from proxy import __version__, control
from proxy.access.periods import zone_of
from proxy.config.schema import Config
from proxy.gateway.reading.routes import Custom, described
from proxy.pricing.book import PriceBook
from proxy.providers.body import upstream_model
from proxy.routing.router import Router
from proxy.types import Deployment, Page
from proxy.worker.holds import Holds
from proxy.worker.kept import Kept
from proxy.worker.parts import Parts
from proxy.worker.reaching import Reaching
from proxy.worker.register import SpendDesk
from proxy.worker.reporting import Known, StateReports
from proxy.worker.settings import rotates


class Pages:
    """Made once per worker; a reload asks for them anew."""

    def __init__(
        self, reaching: Reaching, kept: Kept, holds: Holds, draining: Callable[[], bool], worker: int
    ) -> None:
        self._reaching = reaching
        self._kept = kept
        self._holds = holds
        self._draining = draining
        self._worker = worker

    def of(self, parts: Parts, customs: Sequence[Custom], book: PriceBook) -> tuple[Page, ...]:
        router, config = parts.router, parts.config
        kept, credentials = self._kept, self._reaching.renewals.headers
        return control.pages(
            version=__version__,
            snapshot=lambda: router.snapshot(time.monotonic()),
            model_names=lambda: parts.model_names,
            serves=lambda model: router.match(model) is not None,
            behind=control.UpstreamModels(
                parts.by_id.values(),
                partial(_group_of, router),
                config.sluice_settings.model_list_ttl_s,
                partial(control.ask_upstream, more=credentials),
            ),
            routes=lambda: [control.RouteInfo(*row) for row in described(customs)],
            draining=self._draining,
            candidates=partial(_candidates, router),
            look_up=book.find,
            probe=control.HttpProbe(parts.by_id.get, credentials),
            find=parts.by_id.get,
            layers=lambda: router.layer_statuses(time.monotonic()),
            hold=self._holds.hold,
            hold_layer=self._holds.hold_layer,
            worker=self._worker,
            contained=self._reaching.reactor.walls.counts,
            state=lambda: None if kept.state is None else kept.state.status(),
            reports=control.NOTHING_KEPT if kept.state is None else StateReports(kept.state),
            known=Known(kept.directory),
            metrics=self._metrics(config),
            office=control.Office(
                kept.desk,
                SpendDesk(kept.spending),
                zone_of(config.litellm_settings.timezone),
                rotates=rotates(config),
                most=config.sluice_settings.most_identities,
            ),
        )

    def _metrics(self, config: Config) -> Page | None:
        """Without a master key who is on this machine may see them, unless there is a key for just that."""
        ours, telemetry = config.sluice_settings, self._kept.telemetry
        if telemetry is None or ours.metrics_port is not None:
            return None  # they have a port of their own
        asks = config.general_settings.master_key or ours.metrics_token
        public = not asks or not config.litellm_settings.require_auth_for_metrics_endpoint
        return control.metrics_page(telemetry.render, ours.metrics_token, public=public)

    def of_side(self, config: Config) -> Page | None:
        """Of the port where there is nothing else; None: there is none."""
        token, telemetry = config.sluice_settings.metrics_token, self._kept.telemetry
        if telemetry is None or config.sluice_settings.metrics_port is None:
            return None
        return control.metrics_page(telemetry.render, token, public=token is None)


def _candidates(router: Router, model: str) -> Sequence[tuple[Deployment, str]]:
    match = router.match(model)
    if match is None:
        return ()
    return [(each, upstream_model(each, match.wildcard, model)) for each in match.pool.deployments]


def _group_of(router: Router, model: str) -> str | None:
    match = router.match(model)
    return None if match is None else match.pool.deployments[0].group
