"""The request body as a deployment must see it: in the common case the client's own bytes object."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.splice import add_fields, replace_field, replace_model
from proxy.providers.system_messages import without_system_messages
from proxy.types import Deployment

_encode = msgspec.json.Encoder().encode


class _Messages(msgspec.Struct):
    messages: list[Raw] = []


_decode_messages = msgspec.json.Decoder(_Messages).decode


def upstream_model(deployment: Deployment, wildcard: str, asked: str) -> str:
    """The upstream's name: its `*` takes what the group's `*` matched, or else the whole name asked."""
    return deployment.model.replace("*", wildcard or asked, 1)


def outbound_body(
    body: bytes, deployment: Deployment, *, model_asked: str | None, upstream_model: str | None, chat: bool
) -> bytes:
    """HOT: the JSON body to send; the same object when nothing changes.

    `model_asked` is the body's own top-level model, None when it has none (`/engines/{model}/...`).
    `upstream_model` None leaves the model alone. `chat` says that `messages` are chat messages.
    Raises msgspec.DecodeError when something must change and the body is not a JSON object.
    """
    if upstream_model is not None and upstream_model != model_asked:
        body = _with_model(body, model_asked, upstream_model)
    if deployment.default_params:
        body = add_fields(body, deployment.default_params)
    if chat and not deployment.abilities.system_messages:
        body = _without_system_messages(body)
    return body


def _with_model(body: bytes, asked: str | None, model: str) -> bytes:
    if asked is not None:
        return replace_model(body, asked, model)
    return replace_field(body, "model", _encode(model))


def _without_system_messages(body: bytes) -> bytes:
    try:
        messages = _decode_messages(body).messages
    except msgspec.ValidationError:
        return body  # `messages` of another type: the upstream has the words for that
    spoken = without_system_messages(messages)
    if spoken is messages:
        return body
    return replace_field(body, "messages", b"[" + b",".join(map(bytes, spoken)) + b"]")
