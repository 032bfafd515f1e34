"""What a model takes, and what would be sent for a request: by LiteLLM's endpoints, with every credential blanked.

Source: https://docs.litellm.ai/docs/proxy/utils (`/utils/supported_openai_params`, `/utils/transform_request`)
"""

from __future__ import annotations

import msgspec

from proxy.control.facts import Candidates, LookUp, max_output_of
from proxy.control.query import fields_of
from proxy.errors import UNREADABLE, GatewayError, invalid_value, model_missing, model_not_found
from proxy.providers.dialect import dialect_of, own_headers, refused_by
from proxy.providers.parameters import CHAT_PARAMETERS
from proxy.providers.prepare import CHAT, Request, prepare
from proxy.providers.url import origin, target
from proxy.types import Deployment, Moment, Page, PageRequest, Reply

BLANKED = "***"
_PATHS = {
    "completion": CHAT, "acompletion": CHAT, "text_completion": b"/completions", "atext_completion": b"/completions",
    "embedding": b"/embeddings", "aembedding": b"/embeddings", "responses": b"/responses",
    "aresponses": b"/responses", "anthropic_messages": b"/messages",
    "moderation": b"/moderations", "image_generation": b"/images/generations",
}  # fmt: skip
"""By LiteLLM's name of a call."""


class Supported(msgspec.Struct, frozen=True):
    supported_openai_params: list[str]


class Sent(msgspec.Struct, frozen=True):
    raw_request_api_base: str
    """The whole address."""
    raw_request_body: msgspec.Raw
    raw_request_headers: dict[str, str]
    """With `***` in place of every value that is configured or a credential."""


class _Asked(msgspec.Struct):
    call_type: str = "completion"
    request_body: msgspec.Raw = msgspec.Raw(b"{}")


class _Named(msgspec.Struct):
    model: str = ""


_decode = msgspec.json.Decoder(_Asked).decode
_decode_model = msgspec.json.Decoder(_Named).decode


def preview_pages(candidates: Candidates, look_up: LookUp) -> tuple[Page, ...]:
    async def supported(request: PageRequest) -> Reply:
        model = fields_of(request).get("model")
        try:
            deployment, _ = _found(model, request, candidates)
        except GatewayError as error:
            return error.reply()
        refused = refused_by(deployment)
        return Reply(200, msgspec.json.encode(Supported([p for p in CHAT_PARAMETERS if p not in refused])))

    async def transformed(request: PageRequest) -> Reply:
        try:
            return Reply(200, msgspec.json.encode(_sent(request, candidates, look_up)))
        except GatewayError as error:
            return error.reply()
        except UNREADABLE:
            return invalid_value(
                "request_body", "Write {call_type, request_body: {model, ...}} as JSON."
            ).reply()

    return (
        Page("/utils/supported_openai_params", supported, public=False, summary="Which chat parameters a model takes"),
        Page(
            "/utils/transform_request", transformed, public=False,
            summary="What would be sent for a request, with credentials blanked", methods=("POST",),
        ),
    )  # fmt: skip


def _found(model: str | None, request: PageRequest, candidates: Candidates) -> tuple[Deployment, str]:
    """The first of its deployments, and the upstream's name of it there. Raises GatewayError."""
    if not model:
        raise model_missing()
    found = candidates(model) if request.may_use(model) else ()
    if not found or found[0][0].unservable is not None:
        raise model_not_found(model)
    return found[0]


def _sent(request: PageRequest, candidates: Candidates, look_up: LookUp) -> Sent:
    """Raises GatewayError, and what UNREADABLE holds."""
    asked = _decode(request.body)
    path = _PATHS.get(asked.call_type)
    if path is None:
        raise invalid_value("call_type", f"One of {', '.join(_PATHS)}.")
    body = bytes(asked.request_body)
    model = _decode_model(body).model
    deployment, named = _found(model, request, candidates)
    dialect = dialect_of(deployment)
    moment = Moment(max_tokens=max_output_of(look_up(deployment, named)))
    prepared = prepare(deployment, dialect, Request(path, body, model, named, moment))
    place = origin(deployment.api_base)
    if dialect.place is not None:
        where = dialect.place(prepared.path, named, None)
    else:
        where = target(place.base_path, prepared.path, None)
    headers = {name.decode(): BLANKED for name, _ in (*own_headers(deployment), *_credential(deployment))}
    more = {name.decode(): value.decode("latin-1") for name, value in prepared.headers}
    address = f"{place.scheme}://{place.host_header.decode()}{where.decode()}"
    return Sent(address, msgspec.Raw(prepared.body), {**headers, **more})


def _credential(deployment: Deployment) -> tuple[tuple[bytes, bytes], ...]:
    """What is made for each request, or ends."""
    ends = deployment.token is not None or deployment.signing is not None
    return ((b"Authorization", b""),) if ends else ()
