"""What the gateway's own pages answer, for their part of the API's description: a table by path."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.control.admin import Deployments
from proxy.control.layers import ShownLayers
from proxy.control.management import OPERATIONS, POST, REGENERATE
from proxy.control.model_info import ModelInfoList
from proxy.control.models import ModelCard, ModelList
from proxy.control.preview import Sent, Supported
from proxy.control.routes_page import RouteList
from proxy.control.schemas import Object
from proxy.control.spend.activity import Activity
from proxy.control.spend.logs import SpendLog
from proxy.control.status import Health, Readiness

JSON = "application/json"


class PageAnswer(msgspec.Struct, frozen=True):
    tag: str
    answer: object = None
    """The answer's type; None: text of no fixed shape."""
    media_type: str = JSON
    query: Mapping[str, str] = {}
    """Query parameter -> what it does."""
    other_statuses: Mapping[str, str] = {}
    """Status -> when it is answered."""
    body: Mapping[str, object] | None = None
    """An example of what it is told; None: nothing."""


_LIVE = PageAnswer("Health", str)
_READY = PageAnswer("Health", Readiness, other_statuses={"503": "Draining: send new requests elsewhere."})
_MODELS = PageAnswer("Models", ModelList)
_MODEL = PageAnswer("Models", ModelCard)
_HTML = PageAnswer("Documentation", media_type="text/html")
_HEALTH = PageAnswer(
    "Health",
    Health,
    query={
        "model": "Only the deployments of this model.",
        "probe": "`true`: ask every upstream for its model list now (no tokens are spent).",
    },
)
_MODEL_INFO = PageAnswer(
    "Models", ModelInfoList, query={"litellm_model_id": "Only the deployment of this id."}
)
_HELD = PageAnswer("Admin", Deployments)
_BENCHED = PageAnswer(
    "Admin", Deployments, query={"seconds": "How long; without it until the deployment is revived."}
)

_LAYERS = PageAnswer("Admin", ShownLayers)
_LAYER_BENCHED = PageAnswer(
    "Admin", ShownLayers, query={"seconds": "How long; without it until the layer is revived."}
)

_DAYS = {
    "start_date": "The first day, YYYY-MM-DD, in UTC.",
    "end_date": "The last day, included.",
    "api_key": "Only of this key: its secret, its hash or its id.",
}
_LISTED = {**_DAYS, "limit": "So many, the dearest first."}
_ACTIVITY = PageAnswer("Spend", Activity, query={**_DAYS, "model": "Only of this public name."})
_SUMS = PageAnswer("Spend", list[Object], query=_DAYS)
_SUM = PageAnswer("Spend", Object, query=_DAYS)
_DEAREST = PageAnswer("Spend", list[Object], query=_LISTED)
_LOGS = PageAnswer(
    "Spend",
    list[SpendLog],
    query={
        **_DAYS,
        "summarize": "`false`: single records of these days, in place of their sums.",
        "request_id": "Only this one: an answer's `x-litellm-call-id`.",
        "user_id": "Only of this user's keys.",
        "team_id": "Only of this team's keys.",
        "end_user": "Only of this customer.",
        "page": "From 1.",
        "page_size": "At most 1,000.",
    },
)
_REPORT = PageAnswer(
    "Spend",
    list[Object],
    query={
        **_DAYS,
        "group_by": "`team`, `customer` or `api_key`.",
        "internal_user_id": "Only of this user's keys.",
        "team_id": "Only of this team's keys.",
        "customer_id": "Only of this customer.",
    },
)

OTHER = PageAnswer("Gateway", media_type="*/*")
"""For a page that has no row."""

_SUPPORTED = PageAnswer("Models", Supported, query={"model": "Whose."})
_SENT = PageAnswer(
    "Models",
    Sent,
    other_statuses={"400": "The request cannot be said there.", "404": "Nobody serves this model."},
    body={"call_type": "completion", "request_body": {"model": "gpt-4o", "messages": []}},
)

PAGE_ANSWERS: dict[str, PageAnswer] = {
    "/utils/supported_openai_params": _SUPPORTED,
    "/utils/transform_request": _SENT,
    "/v1/models": _MODELS,
    "/models": _MODELS,
    "/v1/models/{id}": _MODEL,
    "/models/{id}": _MODEL,
    "/v1/model/info": _MODEL_INFO,
    "/model/info": _MODEL_INFO,
    "/health": _HEALTH,
    "/admin/deployments": _HELD,
    "/admin/deployments/bench/{id}": _BENCHED,
    "/admin/deployments/drain/{id}": _HELD,
    "/admin/deployments/revive/{id}": _HELD,
    "/admin/layers": _LAYERS,
    "/admin/layers/bench/{layer}": _LAYER_BENCHED,
    "/admin/layers/drain/{layer}": _LAYERS,
    "/admin/layers/revive/{layer}": _LAYERS,
    "/health/liveliness": _LIVE,
    "/health/liveness": _LIVE,
    "/livez": _LIVE,
    "/health/readiness": _READY,
    "/readyz": _READY,
    "/healthz": _READY,
    "/metrics": PageAnswer("Health", media_type="text/plain"),
    "/spend/logs": _LOGS,
    "/spend/tags": _SUMS,
    "/global/spend": _SUM,
    "/global/spend/logs": _SUMS,
    "/global/spend/keys": _DEAREST,
    "/global/spend/models": _DEAREST,
    "/global/spend/provider": _SUMS,
    "/global/spend/teams": _SUM,
    "/global/spend/tags": PageAnswer(
        "Spend", Object, query={**_DAYS, "tags": "Only these, separated by commas."}
    ),
    "/global/spend/report": _REPORT,
    "/global/activity": _SUM,
    "/global/activity/model": _SUMS,
    "/global/spend/all_tag_names": _SUM,
    "/user/daily/activity/aggregated": _ACTIVITY,
    "/user/daily/activity": _ACTIVITY,
    "/team/daily/activity": _ACTIVITY,
    "/tag/daily/activity": _ACTIVITY,
    "/customer/daily/activity": _ACTIVITY,
    "/routes": PageAnswer("Documentation", RouteList),
    "/": _HTML,
    "/docs": _HTML,
    "/docs/static/{name}": PageAnswer("Documentation", media_type="*/*"),
    "/openapi.json": PageAnswer("Documentation", Object),
    **{
        operation.path: PageAnswer(
            "Keys and teams",
            query=operation.query,
            body=operation.example if operation.method == POST else None,
        )
        for operation in OPERATIONS
    },
    REGENERATE: PageAnswer("Keys and teams", body={"grace_period": "24h"}),
}
