"""`/model/info`: every deployment with what is configured, what is known of its model, and how it stands, in LiteLLM's
shape; never a key.

Source: https://docs.litellm.ai/docs/proxy/model_management
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from proxy.control.facts import (
    INPUT,
    OUTPUT,
    LookUp,
    max_input_of,
    max_output_of,
    mode_of,
    price_of,
    supports,
)
from proxy.control.query import fields_of
from proxy.control.shown import ShownLayer, shown_layer
from proxy.control.standing import DeploymentStatus, Snapshot, until, until_s
from proxy.pricing.book import Found
from proxy.types import Deployment, Page, PageRequest, Reply

MODEL_INFO_PATHS = ("/v1/model/info", "/model/info")

FindDeployment = Callable[[str], Deployment | None]


class ShownParams(msgspec.Struct, frozen=True, kw_only=True):
    """How it is reached. There is no field that a key could stand in."""

    model: str
    """With its provider, as in the configuration."""
    api_base: str
    """Without credentials and query."""
    weight: int
    """Its share of the group's requests, relative to the others."""
    order: int
    rpm: int | None
    tpm: int | None
    max_parallel_requests: int | None
    timeout: float | None
    stream_timeout: float | None
    stream_mode: str
    use_in_pass_through: bool


class ShownInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it, and how it stands."""

    id: str
    origin: str
    litellm_provider: str
    mode: str | None
    key: str | None
    """What the table of prices calls the model."""
    max_input_tokens: int | None
    max_output_tokens: int | None
    max_tokens: int | None
    """LiteLLM's other word for `max_output_tokens`."""
    input_cost_per_token: float | None
    """US dollars; other prices follow by LiteLLM's names, and what it can as `supports_...`: true or false."""
    output_cost_per_token: float | None
    state: str
    reason: str
    until: str | None
    until_s: float | None
    in_flight: int
    ewma_s: float | None
    remaining_requests: int | None
    remaining_tokens: int | None
    layers: list[ShownLayer]
    """What it stands on that rests, for some of its requests at least."""
    db_model: bool = False
    """LiteLLM's: it comes from the file."""


class ModelInfo(msgspec.Struct, frozen=True):
    model_name: str
    litellm_params: ShownParams
    model_info: ShownInfo


class ModelInfoList(msgspec.Struct, frozen=True):
    data: list[ModelInfo]
    worker: int
    """Which of the workers answers."""


def model_info_pages(
    snapshot: Snapshot, find: FindDeployment, worker: int, look_up: LookUp
) -> tuple[Page, ...]:
    async def info(request: PageRequest) -> Reply:
        wanted = fields_of(request).get("litellm_model_id") or None
        now_unix_s = time.time()
        seen = [status for status in snapshot() if request.may_use(status.group)]
        found = [(find(status.id), status) for status in seen if wanted in (None, status.id)]
        shown = [
            _shown(deployment, status, now_unix_s, look_up(deployment, None), operator=request.operator)
            for deployment, status in found
            if deployment
        ]
        return Reply(200, msgspec.json.encode({"data": shown, "worker": worker}))

    summary = "Every deployment: what is configured, and how it stands"
    return tuple(Page(path, info, public=False, summary=summary) for path in MODEL_INFO_PATHS)


def _shown(
    deployment: Deployment, status: DeploymentStatus, now_unix_s: float, book: Found, *, operator: bool
) -> dict[str, object]:
    """A ModelInfo, with what else is known of the model. `operator`: who asks may see what the operator wrote, and what
    was learned by others' requests."""
    params = ShownParams(
        model=f"{deployment.provider}/{deployment.model}",
        api_base=status.api_base,
        weight=deployment.share.weight,
        order=deployment.share.order,
        rpm=deployment.share.rpm,
        tpm=deployment.share.tpm,
        max_parallel_requests=deployment.share.max_parallel_requests,
        timeout=deployment.trying.timeout_s,
        stream_timeout=deployment.trying.stream_timeout_s,
        stream_mode=deployment.streaming.mode.value,
        use_in_pass_through=deployment.use_in_pass_through,
    )
    info = msgspec.structs.asdict(_info(deployment, status, now_unix_s, book))
    if not operator:
        info |= {"origin": "", "layers": []}
    can = {f"supports_{name}": said for name, said in supports(deployment, book).items()}
    return {
        "model_name": deployment.group,
        "litellm_params": params,
        "model_info": {**book.fields, **info, **can},
    }


def _info(deployment: Deployment, status: DeploymentStatus, now_unix_s: float, book: Found) -> ShownInfo:
    return ShownInfo(
        id=deployment.id,
        origin=deployment.origin,
        litellm_provider=deployment.provider,
        mode=mode_of(deployment, book),
        key=book.name,
        max_input_tokens=max_input_of(deployment, book),
        max_output_tokens=max_output_of(book),
        max_tokens=max_output_of(book),
        input_cost_per_token=price_of(book, INPUT),
        output_cost_per_token=price_of(book, OUTPUT),
        state=status.state,
        reason=status.reason,
        until=until(status, now_unix_s),
        until_s=until_s(status),
        in_flight=status.in_flight,
        ewma_s=status.ewma_s,
        remaining_requests=status.remaining_requests,
        remaining_tokens=status.remaining_tokens,
        layers=[shown_layer(layer, now_unix_s) for layer in status.layers],
    )
