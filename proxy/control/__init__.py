"""The control room: the gateway's own pages (health, models, docs, routes). Never on the hot path.

What the pages show is handed in as callables, so this room knows no other.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.control.admin import HoldDeployment, Word, admin_pages
from proxy.control.docs import docs_pages
from proxy.control.facts import Candidates, LookUp, nothing_known
from proxy.control.layers import Snapshot as LayerSnapshot
from proxy.control.layers import layer_pages
from proxy.control.management import EMPTY, Office, management_pages
from proxy.control.metrics import Render, metrics_page
from proxy.control.model_info import FindDeployment, model_info_pages
from proxy.control.models import Behind, ModelNames, Serves, model_pages
from proxy.control.preview import preview_pages
from proxy.control.probe import HttpProbe, Probe, ProbeResult
from proxy.control.routes_page import RouteInfo, Routes, routes_page
from proxy.control.spend import Known, NobodyKnown, NothingKept, Reports, spend_pages
from proxy.control.standing import DeploymentStatus, Snapshot
from proxy.control.status import Contained, State, status_pages
from proxy.control.upstream_models import UpstreamModels, ask_upstream
from proxy.types import Page

__all__ = [
    "DeploymentStatus",
    "HttpProbe",
    "Office",
    "Probe",
    "ProbeResult",
    "Render",
    "RouteInfo",
    "UpstreamModels",
    "Word",
    "ask_upstream",
    "metrics_page",
    "pages",
]

NOTHING_KEPT = NothingKept()
NOBODY_KNOWN = NobodyKnown()


def pages(
    *,
    version: str,
    snapshot: Snapshot,
    model_names: ModelNames,
    serves: Serves,
    behind: Behind,
    routes: Routes,
    draining: Callable[[], bool],
    probe: Probe,
    find: FindDeployment,
    layers: LayerSnapshot,
    hold: HoldDeployment,
    hold_layer: HoldDeployment,
    worker: int,
    contained: Contained = dict,
    state: State = lambda: None,
    metrics: Page | None = None,
    reports: Reports = NOTHING_KEPT,
    known: Known = NOBODY_KNOWN,
    office: Office = EMPTY,
    candidates: Candidates = lambda _: (),
    look_up: LookUp = nothing_known,
) -> tuple[Page, ...]:
    """Every page of the gateway's own. Those for GET answer HEAD too, by leaving out the body.

    `worker`: the number of the one that answers. `contained`: the errors that its walls have stopped.
    `state`: how the state file is.
    `metrics`: the page of the numbers, where it is served here. `reports`: of what was spent. `known`: keys and teams.
    `office`: where keys, teams and users are made and changed. `candidates`: who serves a model.
    `look_up`: what the price book has of it.
    """
    described = (
        *model_pages(model_names, serves, behind, candidates, look_up),
        *model_info_pages(snapshot, find, worker, look_up),
        *status_pages(snapshot, draining, probe, version, worker, contained, state),
        *admin_pages(snapshot, hold, worker),
        *layer_pages(layers, hold_layer, worker),
        *spend_pages(reports, known),
        *management_pages(office),
        *preview_pages(candidates, look_up),
        routes_page(routes),
        *([] if metrics is None else [metrics]),
    )
    return (*described, *docs_pages(described, version))
