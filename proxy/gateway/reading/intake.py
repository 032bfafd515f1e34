"""Reads as much of a request as routing needs: JSON whole, multipart to its fields, anything else not at all."""

from __future__ import annotations

import enum
import zlib
from typing import Final

import msgspec

from proxy.access.keys import Caller
from proxy.errors import GatewayError, body_too_large, model_missing
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.multipart import MultipartPeek, boundary_of
from proxy.gateway.reading.peek import Peeked, peek_json, target_names
from proxy.gateway.reading.routes import Kind, Route
from proxy.wire.head import NO_BODY, RequestHead

_WINDOW_BITS: Final = {b"gzip": 31, b"deflate": 15}
"""Codings that can be looked into; a body of another coding is routed by its headers."""


BYTES_PER_TOKEN = 4
"""https://platform.openai.com/docs/guides/rate-limits: how OpenAI estimates a request before it runs."""


class IntakeLimits(msgspec.Struct, frozen=True):
    body_bytes: int
    """Of a body that must be held whole."""
    peek_bytes: int
    """Of a multipart body held to find its fields."""


class BodyKind(enum.Enum):
    """How much of a body must be read before it can be routed."""

    JSON = "json"
    FORM = "form"
    OPAQUE = "opaque"


_JSON = BodyKind.JSON


class Introduction(msgspec.Struct, frozen=True):
    """What a head alone tells. Made once per head; the parser shares heads between requests.

    The collector must see it: its route's page leads back to the pipeline that remembers it.
    """

    route: Route
    caller: Caller
    body: BodyKind
    boundary: bytes
    """Of a form."""


def introduce(head: RequestHead, route: Route, caller: Caller) -> Introduction:
    content_type = head.get(b"content-type") or b""
    kind = content_type.lower()
    boundary = boundary_of(content_type) if kind.startswith(b"multipart/") else None
    if route.kind is Kind.CUSTOM:
        body = BodyKind.OPAQUE
    elif b"json" in kind or (route.kind is Kind.NATIVE and not kind.startswith(b"multipart/")):
        body = BodyKind.JSON
    else:
        body = BodyKind.OPAQUE if boundary is None else BodyKind.FORM
    return Introduction(route, caller, body, boundary or b"")


def read_at_once(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call | None:
    """HOT. What a request asks for whose JSON came with its head; None: `read_call`. Raises GatewayError 400, 413."""
    body = exchange.take_whole() if known.body is _JSON else b""
    return _complete(_json_call(exchange.head, known, body, limits)) if body else None


async def read_call(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call:
    """What the request asks for. Raises GatewayError 400, 408, 413; ClientGone."""
    length = exchange.body_length
    if length in (NO_BODY, 0):
        call = Call(
            route=known.route, head=exchange.head, caller=known.caller, model=known.route.model, length=length
        )
    elif known.body is _JSON:
        body = await exchange.read_body(limits.body_bytes)
        call = _json_call(exchange.head, known, body, limits)
    elif known.body is BodyKind.FORM:
        call = await _read_form(exchange, known, MultipartPeek(known.boundary, limits.peek_bytes))
    else:
        call = _opaque(exchange, known)
    return _complete(call)


def _complete(call: Call) -> Call:
    """Raises GatewayError 400 where a model must be named, and is not."""
    if call.model is None and call.route.model_needed and not call.targets:
        raise _bad_model(call)
    return call


def _opaque(exchange: Exchange, known: Introduction) -> Call:
    """Its head alone decides; its body moves as the upstream takes it."""
    return Call(
        route=known.route,
        head=exchange.head,
        caller=known.caller,
        model=known.route.model,
        rest=True,
        length=exchange.body_length,
    )


def _json_call(head: RequestHead, known: Introduction, body: bytes, limits: IntakeLimits) -> Call:
    if len(body) > limits.body_bytes:
        raise body_too_large(limits.body_bytes)
    route = known.route
    coding = head.get(b"content-encoding")
    text = body if coding is None else _decompressed(body, coding.lower(), limits.body_bytes)
    peeked = Peeked() if text is None else peek_json(text)
    if peeked.not_json and route.kind is Kind.NATIVE:
        raise GatewayError(400, "The request body is not a JSON object.", code="invalid_json")
    return Call(
        route=route,
        head=head,
        caller=known.caller,
        model=route.model or peeked.model,
        body_model=peeked.model,
        model_invalid=peeked.model_invalid,
        stream=peeked.stream,
        store=peeked.store,
        targets=peeked.target_model_names,
        has_target_field=peeked.has_target_field,
        body=body,
        length=len(body),
        json=None if peeked.not_json else text,
        tokens=len(body) // BYTES_PER_TOKEN + peeked.max_tokens,
    )


def _decompressed(body: bytes, coding: bytes, limit_bytes: int) -> bytes | None:
    """The text behind a coding this gateway knows; None for others. Raises GatewayError 400, 413."""
    if coding == b"identity":
        return body
    if coding not in _WINDOW_BITS:
        return None
    inflater = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        text = inflater.decompress(body, limit_bytes)
    except zlib.error as error:
        raise GatewayError(400, f"The request body is not {coding.decode()}.", code="invalid_body") from error
    if inflater.unconsumed_tail:
        raise body_too_large(limit_bytes)
    return text


async def _read_form(exchange: Exchange, known: Introduction, form: MultipartPeek) -> Call:
    """Fields may stand behind the file, so reading goes on until the last one or the limit."""
    pieces: list[bytes] = []
    while not (form.done or form.gave_up) and (piece := await exchange.read_some()):
        pieces.append(piece)
        form.feed(piece)
    return Call(
        route=known.route,
        head=exchange.head,
        caller=known.caller,
        model=known.route.model or form.model,
        body_model=form.model,
        model_invalid=form.model_invalid,
        stream=form.stream,
        targets=form.target_model_names,
        has_target_field=bool(form.target_ranges),
        body=b"".join(pieces),
        rest=not exchange.body_read,
        length=exchange.body_length,
        form=form,
    )


def header_targets(call: Call) -> tuple[str, ...]:
    """`X-LiteLLM-Target-Model`, for calls whose body names nothing."""
    value = call.head.get(b"x-litellm-target-model")
    return target_names(value.decode("utf-8", "replace")) if value else ()


def _bad_model(call: Call) -> GatewayError:
    if call.model_invalid:
        return GatewayError(400, "`model` must be a string.", param="model", code="invalid_type")
    return model_missing()
