"""Reads as much of a request as routing needs: JSON and forms whole, anything else not at all.

What is not read is not absent: where a body may name a model it is read, or the request is refused.
"""

from __future__ import annotations

from proxy.access.identity import Caller
from proxy.errors import GatewayError, body_too_large
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.budget import Lease
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.decoding import decoded, decoder_for
from proxy.gateway.reading.forms import read_form
from proxy.gateway.reading.intake_limits import IntakeLimits
from proxy.gateway.reading.introduction import BodyKind, Introduction
from proxy.gateway.reading.labels import NONE, labels_of
from proxy.gateway.reading.multipart import MultipartPeek
from proxy.gateway.reading.peek import peek_json, target_names
from proxy.gateway.reading.peeked import Peeked
from proxy.gateway.reading.refusals import (
    TOO_LARGE,
    ambiguous_key,
    bad_model,
    coded_page_body,
    disagreeing_models,
    not_json,
    page_body_too_large,
    unreadable_type,
)
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.reading.spool import Spool, form_too_large
from proxy.wire.codings import CodingLimits, Decoder
from proxy.wire.form import RequestHead
from proxy.wire.head import CHUNKED, NO_BODY

_NATIVE = Kind.NATIVE
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
BYTES_PER_TOKEN = 4
"""https://platform.openai.com/docs/guides/rate-limits: how OpenAI estimates a request before it runs."""
SMALL_BYTES = 64 * 1024
"""A body that a socket's buffer holds is the connection's: it is not counted."""
_BEFORE_AN_OBJECT = b" \t\r\n\x00\xef\xbb\xbf\xfe\xff"
"""Blanks, the byte order marks of UTF-8 and UTF-16, and half of a UTF-16 or a quarter of a UTF-32 brace."""
METADATA = "metadata"
MESSAGES = b"/messages"
"""Anthropic's, whose `metadata` says who its user is."""


def read_at_once(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call | None:
    """HOT. What a request asks for whose JSON came with its head; None: `read_call`. Raises GatewayError 400, 413."""
    body = exchange.take_whole() if known.at_once else b""
    if not body:
        return None
    if len(body) > limits.body_bytes:
        raise body_too_large(limits.body_bytes)
    return _complete(_json_call(exchange.head, known, body, body))


async def page_body(exchange: Exchange, limits: IntakeLimits) -> bytes:
    """What one of the gateway's own pages is told. Raises GatewayError 408, 413, 415; ClientGone."""
    head = exchange.head
    if head.method not in _WITH_BODY or exchange.body_length in (NO_BODY, 0):
        return b""
    if (head.get(b"content-encoding") or b"identity").lower() != b"identity":
        raise coded_page_body()
    if exchange.body_length > limits.page_bytes:
        raise page_body_too_large(limits.page_bytes)
    try:
        return await exchange.read_body(limits.page_bytes)
    except GatewayError as error:
        raise page_body_too_large(limits.page_bytes) if error.status == TOO_LARGE else error from None


async def read_call(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call:
    """What the request asks for; its `held` is to be closed. Raises GatewayError 4xx, 503, 507; ClientGone."""
    if exchange.body_length in (NO_BODY, 0):
        call = _unread(exchange, known, rest=False)
    elif known.body is BodyKind.JSON:
        call = await _read_json(exchange, known, limits)
    elif known.body is BodyKind.FORM:
        call = await _read_form(exchange, known, limits)
    elif known.body is BodyKind.UNKNOWN:
        call = await _read_unknown(exchange, known, limits)
    elif known.body is BodyKind.UNREADABLE:
        raise unreadable_type(exchange.head.get_all(b"content-type"))
    else:
        call = _unread(exchange, known, rest=True)
    return _complete(call)


def holder_of(caller: Caller) -> bytes:
    """Who shares what room there is for bodies: a team's keys have one share."""
    return caller.owner or caller.id


def _complete(call: Call) -> Call:
    """Raises GatewayError 400 where a model must be named, and is not; or is, in no way that can be read."""
    if call.model is None:
        route = call.route
        if (route.model_needed and not call.targets) or (call.model_invalid and not route.model_free):
            _close(call)
            raise bad_model(invalid=call.model_invalid)
    return call


def _close(call: Call) -> None:
    if call.held is not None:
        call.held.close()


def _unread(exchange: Exchange, known: Introduction, first: bytes = b"", *, rest: bool) -> Call:
    """Its head alone decides; of its body, `first` is here, and the `rest` moves as the upstream takes it."""
    return Call(
        route=known.route,
        head=exchange.head,
        caller=known.caller,
        model=known.route.model or known.query_model,
        query_model=known.query_model,
        body=first,
        rest=rest,
        length=exchange.body_length,
        labels=labels_of(exchange.head, NONE, known.caller.tags),
    )


async def _read_unknown(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call:
    """An upstream may take it for JSON, whatever its type: what begins like an object is read as one."""
    if known.coding:
        return await _read_json(exchange, known, limits)
    first = await exchange.read_some()
    if first and _may_be_object(first):
        return await _read_json(exchange, known, limits, first)
    # What came in chunks goes on in chunks, whichever door saw its end already.
    return _unread(exchange, known, first, rest=not exchange.body_read or exchange.body_length == CHUNKED)


def _may_be_object(text: bytes) -> bool:
    return text.lstrip(_BEFORE_AN_OBJECT)[:1] in (b"", b"{")


async def _read_json(
    exchange: Exchange, known: Introduction, limits: IntakeLimits, first: bytes = b""
) -> Call:
    try:
        by = decoder_for(known.coding, CodingLimits(limits.body_bytes, limits.ratio))
    except GatewayError:
        if known.route.model_free:
            return _unread(exchange, known, rest=True)
        raise
    lease = limits.memory.lease(holder_of(known.caller))
    try:
        body = await _whole(exchange, limits.body_bytes, lease, first)
        text = await _text_of(body, by, known, exchange, lease)
        return _json_call(exchange.head, known, body, text, lease)
    except BaseException:
        lease.close()
        raise


async def _text_of(
    body: bytes, by: Decoder | None, known: Introduction, exchange: Exchange, lease: Lease
) -> bytes:
    """Without its coding; what cannot be decoded names nothing, and goes on where nothing need be named."""
    if by is None:
        return body
    try:
        return await decoded(body, by, exchange.parking, lease)
    except GatewayError:
        if known.route.model_free:
            return b""
        raise


async def _whole(exchange: Exchange, limit_bytes: int, lease: Lease, first: bytes) -> bytes:
    """Raises GatewayError 408, 413, 503; ClientGone."""
    small = 0 <= exchange.body_length <= SMALL_BYTES
    body = await exchange.read_body(limit_bytes, None if small else lease.take)
    if not first:
        return body
    if len(first) + len(body) > limit_bytes:
        raise body_too_large(limit_bytes)
    return first + body


def _json_call(
    head: RequestHead, known: Introduction, body: bytes, text: bytes, held: Lease | None = None
) -> Call:
    """HOT. Raises GatewayError 400."""
    route = known.route
    peeked = peek_json(text) if route.kind is _NATIVE else peek_json(text, through=True)
    if peeked.not_object or peeked.ambiguous is not None:
        _refuse(known, peeked, text)
    if known.query_model is not None:
        _agree(known.query_model, route.model or peeked.model)
    return Call(
        route=route,
        head=head,
        caller=known.caller,
        model=route.model or peeked.model or known.query_model,
        body_model=peeked.model,
        query_model=known.query_model,
        model_invalid=peeked.model_invalid,
        stream=peeked.stream,
        store=peeked.store,
        targets=peeked.target_model_names,
        has_target_field=peeked.has_target_field,
        body=body,
        length=len(body),
        json=None if peeked.not_object else text,
        tokens=len(body) // BYTES_PER_TOKEN + peeked.max_tokens,
        labels=labels_of(head, peeked.labels, known.caller.tags),
        priority=peeked.priority,
        private=_with_metadata(route, peeked) if peeked.labels.tags else peeked.private,
        held=held,
    )


def _with_metadata(route: Route, peeked: Peeked) -> tuple[str, ...]:
    """What has a list of tags is LiteLLM's way to say how it is counted: OpenAI takes texts alone there."""
    theirs = route.kind is not _NATIVE or route.path == MESSAGES
    return peeked.private if theirs else (*peeked.private, METADATA)


def _refuse(known: Introduction, peeked: Peeked, text: bytes) -> None:
    """Raises GatewayError 400, but where a body that is no object names no model, or may be anything."""
    route = known.route
    if peeked.ambiguous is not None:
        raise ambiguous_key(peeked.ambiguous)
    if route.kind is _NATIVE:
        raise not_json()
    lenient = route.model_free or not text or (known.body is BodyKind.UNKNOWN and not _may_be_object(text))
    if peeked.not_json and not lenient:
        raise not_json()


def _agree(query_model: str, model: str | None) -> None:
    """Raises GatewayError 400."""
    if model is not None and model != query_model:
        raise disagreeing_models(query_model, model)


async def _read_form(exchange: Exchange, known: Introduction, limits: IntakeLimits) -> Call:
    if exchange.body_length > limits.form.size_bytes:
        raise form_too_large(limits.form.size_bytes)
    peek = MultipartPeek(known.boundary)
    holder = holder_of(known.caller)
    spool = Spool(limits.form, limits.memory.lease(holder), limits.disk.lease(holder), exchange.parking)
    try:
        by = decoder_for(known.coding, CodingLimits(limits.form.size_bytes, limits.ratio))
        await read_form(exchange, peek, spool, by)
        if known.query_model is not None:
            _agree(known.query_model, known.route.model or peek.model)
        return _form_call(exchange.head, known, peek, spool)
    except BaseException:
        spool.close()
        raise


def _form_call(head: RequestHead, known: Introduction, form: MultipartPeek, spool: Spool) -> Call:
    return Call(
        route=known.route,
        head=head,
        caller=known.caller,
        model=known.route.model or form.model or known.query_model,
        body_model=form.model,
        query_model=known.query_model,
        model_invalid=form.model_invalid,
        stream=form.stream,
        targets=form.target_model_names,
        has_target_field=bool(form.target_ranges),
        body=b"" if spool.on_disk else spool.in_memory(),
        spool=spool if spool.on_disk else None,
        length=spool.size_bytes,
        labels=labels_of(head, NONE, known.caller.tags),
        form=form,
        form_was_coded=bool(known.coding),
        held=spool,
    )


def header_targets(call: Call) -> tuple[str, ...]:
    """`X-LiteLLM-Target-Model`, for calls whose body names nothing."""
    value = call.head.get(b"x-litellm-target-model")
    return target_names(value.decode("utf-8", "replace")) if value else ()
