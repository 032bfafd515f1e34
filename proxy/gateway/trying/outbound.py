"""What one deployment is sent for a call: target, head and body, changed only where they must be."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from proxy.errors import UNREADABLE, CannotSay, GatewayError
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.multipart import Range, splice
from proxy.gateway.reading.query import with_model, without_credentials
from proxy.gateway.reading.routes import Kind
from proxy.gateway.reading.spool import Spool
from proxy.gateway.trying.before import NOTHING_BEFORE
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.run import Run
from proxy.providers.body import outbound_body, upstream_model
from proxy.providers.prepare import NO_MOMENT, Prepared, Request, prepare
from proxy.providers.sigv4 import signature
from proxy.providers.splice import MAX_FIELDS, remove_field
from proxy.providers.url import refuse_dot_segments, target
from proxy.providers.usage_asked import PATHS, with_usage_asked
from proxy.types import Deployment, Headers, Moment
from proxy.upstream.destination import EVERYTHING, Destination, Forwarding
from proxy.upstream.outbound import Outbound
from proxy.wire.framing import encode_chunk
from proxy.wire.head import CHUNKED, NO_BODY

_NATIVE = Kind.NATIVE
RECODED = frozenset((b"content-encoding",))
BETAS = b"anthropic-beta"
CODINGS = frozenset((b"accept-encoding",))
"""Not asked for where the gateway writes the answer itself: it could not read it, or would not say how it is coded."""


class Sender:
    """Makes requests out of calls; one per worker and configuration."""

    def __init__(
        self,
        native: Forwarding,
        everything: Forwarding = EVERYTHING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`native`: which client headers go on where the gateway knows the endpoint; `everything`: elsewhere. `clock`:
        seconds since 1970, for signatures."""
        self._clock = clock
        self._native = native
        self._everything = everything
        self._only_content = msgspec.structs.replace(everything, only=CONTENT)
        self._recoded = {base: base.without(RECODED) for base in (native, everything)}
        self._written_here = {
            base: base.without(CODINGS) for base in (*self._recoded, *self._recoded.values())
        }
        self._native_written_here = self._written_here[native]
        self._refusing: set[str] = set()
        """Deployments whose upstream does not know how to be asked for a stream's usage."""

    def refuses_to_say_usage(self, lane: Lane) -> None:
        self._refusing.add(lane.destination.deployment.id)

    def outbound(
        self, call: Call, choice: Choice, lane: Lane, exchange: Exchange, run: Run | None = None
    ) -> Outbound:
        """Raises GatewayError 400 for a path that climbs, or a request that cannot be said there."""
        if call.json is call.body and call.route.kind is _NATIVE:
            unchanged = self._unchanged(call, choice, lane, exchange)
            if unchanged is not None:
                return unchanged
        destination = lane.destination
        if call.spool is not None:
            return self._from_spool(call, call.spool, choice, lane, exchange)
        prepared = _prepared(call, choice, lane, run)
        translation = prepared.translation
        asking = self._asking(call, prepared.body, lane) if call.stream and translation is None else None
        if asking is not None:
            prepared = msgspec.structs.replace(prepared, body=asking)
        body = prepared.body
        # A request without a body stays one: `Content-Length: 0` is only sent on where the client sent it.
        length = call.length if call.rest or call.length == NO_BODY else len(body)
        if call.rest and length != CHUNKED:
            length += len(body) - len(call.body)
        forwarding = self._forwarding(call, body)
        if (
            (call.stream and destination.deployment.streaming.keepalive_s)
            or translation is not None
            or asking
        ):
            forwarding = self._written_here.get(forwarding, forwarding)
        head = self._head(call, choice, lane, forwarding, length, prepared)
        if call.rest and length == CHUNKED and body:
            body = encode_chunk(body)
        rest = exchange if call.rest else None
        return Outbound(call.head.method, head, body, rest, exchange.inform, translation, asking is not None)

    def _asking(self, call: Call, body: bytes, lane: Lane) -> bytes | None:
        """HOT. The body of a request for a stream that asks for its usage; None: it is not to be asked for."""
        if not lane.asks_usage or call.route.path not in PATHS or call.route.kind is not _NATIVE:
            return None
        if call.json is None or lane.destination.deployment.id in self._refusing:
            return None
        return with_usage_asked(body)

    def _unchanged(self, call: Call, choice: Choice, lane: Lane, exchange: Exchange) -> Outbound | None:
        """HOT. Of JSON for a native route that goes on as it came: the same model's name on both sides, and nothing
        else to change. None: something is."""
        head, body, destination = call.head, call.body, lane.destination
        if call.body_model != destination.deployment.model or call.has_target_field or head.query is not None:
            return None
        if call.priority is not None or call.private:
            return None
        path = call.route.path
        target = destination.plain_targets.get(path)
        if target is None:
            dialect = lane.dialect
            if dialect.adapts or path in dialect.translations or destination.deployment.streaming.keepalive_s:
                return None
            target = destination.plain_targets[path] = _target(call, choice, lane, path)
        if call.stream and (asking := self._asking(call, body, lane)) is not None:
            sent = destination.head(head, self._native_written_here, len(asking), target)
            return Outbound(head.method, sent, asking, None, exchange.inform, None, True)  # noqa: FBT003 - it does
        sent = destination.head(head, self._native, len(body), target)
        return Outbound(head.method, sent, body, None, exchange.inform)

    def _from_spool(
        self, call: Call, spool: Spool, choice: Choice, lane: Lane, exchange: Exchange
    ) -> Outbound:
        """A large form is read off the disk by each attempt."""
        destination = lane.destination
        source = spool.source(_form_edits(call, _model(call, choice, destination.deployment)))
        forwarding = self._forwarding(call, call.body)
        if call.stream and destination.deployment.streaming.keepalive_s:
            forwarding = self._written_here.get(forwarding, forwarding)
        prepared = Prepared(call.route.path, b"")
        head = self._head(call, choice, lane, forwarding, source.length, prepared)
        return Outbound(call.head.method, head, b"", source, exchange.inform)

    def _head(
        self,
        call: Call,
        choice: Choice,
        lane: Lane,
        forwarding: Forwarding,
        length: int,
        prepared: Prepared,
    ) -> bytes:
        """Where native routes lead to is kept: they are few."""
        path, destination = prepared.path, lane.destination
        fixed = call.route.kind is _NATIVE and call.head.query is None and prepared.translation is None
        fixed = fixed and lane.dialect.place is None
        target = destination.targets.get(path) if fixed else None
        if target is None:
            target = _target(call, choice, lane, path)
            if fixed:
                destination.targets[path] = target
        more = prepared.headers
        if destination.deployment.signing is not None:
            more = (*more, *self._signature(call, destination, target, prepared.body))
        return destination.head(call.head, forwarding, length, target, more)

    def _signature(self, call: Call, destination: Destination, target: bytes, body: bytes) -> Headers:
        """Raises CannotSay where the body is not at hand."""
        key = destination.deployment.signing
        assert key is not None
        if call.rest or call.spool is not None:
            raise CannotSay("An upload cannot be signed for this upstream: its body passes through.")
        return signature(key, call.head.method, destination.host, target, body, self._clock())

    def forwards(self, call: Call) -> Forwarding:
        """Which of the client's headers go on, but for those that describe a body which is written anew."""
        custom = call.route.custom
        if custom is not None:
            return self._everything if custom.forward_headers else self._only_content
        return self._native if call.route.kind is _NATIVE else self._everything

    def _forwarding(self, call: Call, body: bytes) -> Forwarding:
        base = self._native
        if call.route.kind is not _NATIVE:
            base = self.forwards(call)
            if call.route.custom is not None:
                return base
        rewritten = body is not call.body and call.json is not None and call.json is not call.body
        if rewritten or call.form_was_coded:
            return self._recoded[base]
        return base


CONTENT = frozenset((b"content-type", b"content-encoding", b"accept", b"user-agent"))
"""For targets that are not OpenAI's: what describes the body, and nothing of the client."""


def model_sent(call: Call, choice: Choice, deployment: Deployment) -> str | None:
    """The upstream's name of the model that the request names; None: it names none."""
    if _renames(call, choice, deployment):
        return upstream_model(deployment, choice.wildcard, call.model or "")
    return call.model


def _target(call: Call, choice: Choice, lane: Lane, path: bytes) -> bytes:
    """Raises GatewayError 400. The query is the client's own, but for a model's name."""
    destination, query = lane.destination, call.head.query
    if query is not None:
        query = _query(call, choice, destination.deployment, query)
    if lane.dialect.place is not None:
        return lane.dialect.place(path, model_sent(call, choice, destination.deployment), query)
    path = _path(call, destination, path)
    return path if query is None else b"%b?%b" % (path, query)


def _query(call: Call, choice: Choice, deployment: Deployment, query: bytes) -> bytes | None:
    """Without what lets one in here, or elsewhere; a target of the operator's own is asked as it came."""
    model = None if call.query_model is None else _model(call, choice, deployment)
    if model is not None:
        query = with_model(query, model)
    return query if call.route.custom is not None else without_credentials(query)


def _path(call: Call, destination: Destination, path: bytes) -> bytes:
    if call.route.custom is not None:
        refuse_dot_segments(path)
        return destination.base_path + path or b"/"
    return target(destination.base_path, path, None)


def _prepared(call: Call, choice: Choice, lane: Lane, run: Run | None) -> Prepared:
    """With the client's own bytes object where nothing changes. Raises GatewayError 400."""
    try:
        return _adapted(call, choice, lane, run)
    except UNREADABLE as error:
        raise GatewayError(
            400,
            f"The request body is not well-formed JSON in UTF-8, or has more than {MAX_FIELDS} fields.",
            code="invalid_json",
        ) from error


def _adapted(call: Call, choice: Choice, lane: Lane, run: Run | None) -> Prepared:
    deployment, path = lane.destination.deployment, call.route.path
    model = model_sent(call, choice, deployment) if _renames(call, choice, deployment) else None
    if call.json is not None:
        return _json(call, call.json, lane, model, run)
    return Prepared(path, call.body if call.form is None else _form_body(call, model))


def _model(call: Call, choice: Choice, deployment: Deployment) -> str | None:
    """The upstream's name, where the one that was asked for is to be replaced."""
    if not _renames(call, choice, deployment):
        return None
    return upstream_model(deployment, choice.wildcard, call.model or "")


def _renames(call: Call, choice: Choice, deployment: Deployment) -> bool:
    """An object's keys may lie outside the group that was named: their names of models are not ours to give."""
    if not choice.group_named:
        return False
    return choice.scope is None or deployment in choice.pool.deployments


def _json(call: Call, text: bytes, lane: Lane, model: str | None, run: Run | None) -> Prepared:
    body = remove_field(text, "target_model_names") if call.has_target_field else text
    deployment, path = lane.destination.deployment, call.route.path
    if call.route.kind is _NATIVE:
        if call.priority is not None:  # the gateway's, as with LiteLLM: OpenAI refuses it
            body = remove_field(body, "priority")
        for name in call.private:
            body = remove_field(body, name)
        needs_moment = path in lane.dialect.translations or deployment.parameters.modifies
        moment = _moment(lane, run) if needs_moment else NO_MOMENT
        prepared = prepare(deployment, lane.dialect, Request(path, body, call.body_model, model, moment))
    elif model is not None:
        changed = outbound_body(
            body, deployment, model_asked=call.body_model, upstream_model=model, chat=call.route.chat
        )
        prepared = Prepared(path, changed)
    else:
        prepared = Prepared(path, body)
    if prepared.body is not text or text is call.body:
        return prepared
    return msgspec.structs.replace(prepared, body=call.body)


def _moment(lane: Lane, run: Run | None) -> Moment:
    before = NOTHING_BEFORE if run is None else run.before
    call_id = "" if run is None else run.record.call_id
    betas = b"" if run is None else run.call.head.get(BETAS) or b""
    tried = tuple(beta.strip() for beta in betas.decode("latin-1").split(",")) if betas else ()
    return Moment(int(time.time()), call_id, lane.max_tokens, tried, before.items, before.keep)


def _form_body(call: Call, model: str | None) -> bytes:
    edits = _form_edits(call, model)
    return splice(call.body, edits) if edits else call.body


def _form_edits(call: Call, model: str | None) -> list[tuple[Range, bytes]]:
    """The gateway's fields are cut out and the model's value is replaced; every other byte stays."""
    form = call.form
    assert form is not None
    edits = [(range_, b"") for range_ in form.target_ranges]
    if model is not None and form.model_range is not None and model != call.body_model:
        edits.append((form.model_range, model.encode()))
    return edits
