"""The answer on its way back: relayed as it is, with taps that read along; or told truthfully that it broke."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec

from proxy.accounting.inflate import inflated
from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import Tap as UsageTap
from proxy.errors import ClientGone, UpstreamFailure, error_body
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.providers import text_completion
from proxy.providers.objects import IdTap, forgotten
from proxy.providers.text_completion import StreamTranslator
from proxy.routing.affinity import ObjectStore
from proxy.types import Deployment, Outcome, Result, ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.head import UNTIL_CLOSE
from proxy.wire.pump import End, Tap
from proxy.wire.response_head import ResponseHead
from proxy.wire.unheld import unheld_lines

EVENT_STREAM = b"text/event-stream"
ENDING_BYTES = len(b"\r\n\r\n")
"""The longest blank line that ends an event."""
REST_S = 1.0
REST_BYTES = 64 * 1024
"""Of a stream behind its last event, read when its client has left with that: so its connection can be kept."""
MAX_ERROR_BYTES = 64 * 1024
"""Of an upstream's error that is told inside a stream."""
MAX_TRANSLATED_BYTES = 16 * 1024 * 1024
"""A whole answer held to be translated; completions are text."""
BROKE_OFF = (
    b"data: "
    + error_body("The upstream broke off its answer.", "upstream_error", None, "stream_broken")
    + b"\n\n"
)
"""What a stream that cannot be finished ends with; no `[DONE]` follows, and the connection is cut."""


class Taps:
    """Two taps on one answer."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Tap, second: Tap) -> None:
        self._first = first
        self._second = second

    def feed(self, payload: bytes) -> None:
        self._first.feed(payload)
        self._second.feed(payload)


class Delivery(msgspec.Struct, frozen=True):
    """How the relay ended, for the record and for the key's health."""

    outcome: Outcome
    result: Result
    error: str | None = None


_DONE = End.DONE
_OUTCOMES = {2: Outcome.OK, 3: Outcome.OK, 4: Outcome.CLIENT_ERROR, 5: Outcome.UPSTREAM_ERROR}
_ENDS = {
    End.SINK_GONE: (Outcome.CLIENT_GONE, ResultKind.NEUTRAL),
    End.SINK_STALLED: (Outcome.CLIENT_GONE, ResultKind.NEUTRAL),
}
_KEYS_OWN = (ResultKind.AUTH, ResultKind.RATE_LIMITED)
_BROKEN = (Outcome.TRUNCATED, ResultKind.BROKEN)


def outcome_of(status: int, kind: ResultKind) -> Outcome:
    """Of an answer that was passed on whole. A refused key or a used-up quota is not the client's fault."""
    if kind in _KEYS_OWN:
        return Outcome.UPSTREAM_ERROR
    return _OUTCOMES.get(status // 100, Outcome.UPSTREAM_ERROR)


async def relay(
    exchange: Exchange,
    call: Call,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    ids: IdTap | None,
    drain_s: float = 0.0,
) -> Delivery:
    """Pass the answer on byte for byte. Raises ClientGone only before the answer has begun.

    `drain_s`: how long it is read on when its client has left.
    """
    head = answer.head
    usage = tap_for(head.content_type)
    record.status = head.status
    taps = usage if ids is None else Taps(usage, ids)
    streams = head.content_type.startswith(EVENT_STREAM)
    if streams:
        extra += unheld_lines(head)
    if head.framing == UNTIL_CLOSE:
        _ends_by_its_words(answer, usage)
    tap = inflated(taps, head.content_encoding) if head.content_encoding else taps
    at_once = exchange.relay_at_once(answer, extra, tap)
    end = _DONE if at_once else await exchange.relay(answer, extra, tap)
    if end in _ENDS:
        if _delivered(answer, usage):
            end = _DONE
        await _read_rest(answer, tap, usage, drain_s)
    # Asking again for an object repeats its usage: only what was made now is counted.
    if call.head.method == b"POST":
        record.usage = usage.result()
        record.model_served = usage.model
    if end is _DONE:
        return Delivery(outcome_of(result.status, result.kind), result)
    outcome, kind = _ENDS.get(end, _BROKEN)
    if outcome is Outcome.TRUNCATED:
        await _break_off(exchange, BROKE_OFF if streams else b"")
    return Delivery(outcome, Result(kind, result.status), end.value)


def _delivered(answer: Answer, usage: UsageTap) -> bool:
    """The client that has left had the stream's last event: what it did not wait for is framing."""
    streams = answer.head.content_type.startswith(EVENT_STREAM)
    return streams and answer.passed_on and usage.finish_seen


async def _read_rest(answer: Answer, tap: Tap | None, usage: UsageTap, drain_s: float) -> None:
    """Nobody hears it."""
    if _delivered(answer, usage):
        await read_on(answer, None, REST_S, REST_BYTES)
    elif drain_s:
        await read_on(answer, tap, drain_s)


async def read_on(answer: Answer, tap: Tap | None, limit_s: float, limit_bytes: float = math.inf) -> None:
    """To its end, within the limits: for its usage, or for its connection. Nobody hears it."""
    answer.outlast()
    answer.until = min(answer.until, time.monotonic() + limit_s)
    limit_bytes += answer.received_bytes
    with suppress(UpstreamFailure):
        while (piece := await answer.read()) and answer.received_bytes < limit_bytes:
            if tap is not None:
                tap.feed(piece)


async def relay_into_open(
    exchange: Exchange, answer: Answer, result: Result, record: Record, drain_s: float = 0.0
) -> Delivery:
    """An answer whose client already has the head of an event stream, and comments. Raises ClientGone."""
    usage = tap_for(answer.head.content_type)
    record.status = 200
    if answer.head.status != 200 or not answer.head.content_type.startswith(EVENT_STREAM):
        body = await answer.read_all(MAX_ERROR_BYTES)
        await _break_off(exchange, b"data: %b\n\n" % b" ".join(body.split()))
        outcome = outcome_of(result.status, result.kind)
        return Delivery(Outcome.TRUNCATED if outcome is Outcome.OK else outcome, result, "told in the stream")
    _ends_by_its_words(answer, usage)
    last = b"\n\n"
    try:
        async with _accounted(answer, usage, record, drain_s):
            while piece := await answer.read():
                usage.feed(piece)
                await _pass_on(exchange, answer, piece)
                last = (last + piece)[-ENDING_BYTES:]
            await exchange.end()
    except UpstreamFailure as failure:
        await _break_off(exchange, BROKE_OFF if last.endswith((b"\n\n", b"\r\n\r\n")) else b"")
        return Delivery(Outcome.TRUNCATED, Result(ResultKind.BROKEN, result.status), failure.reason)
    return Delivery(Outcome.OK, result)


@asynccontextmanager
async def _accounted(answer: Answer, usage: UsageTap, record: Record, drain_s: float) -> AsyncIterator[None]:
    """However the reading ends, what was used is in the record; with `drain_s` also what no client heard.

    A client that leaves with the last event has not left.
    """
    try:
        yield
    except ClientGone:
        delivered = _delivered(answer, usage)
        await _read_rest(answer, usage, usage, drain_s)
        if not delivered:
            raise
    finally:
        record.usage, record.model_served = usage.result(), usage.model


async def _pass_on(exchange: Exchange, answer: Answer, piece: bytes) -> None:
    """Raises ClientGone."""
    answer.passed_on = False
    if piece:
        await exchange.write(piece)
    answer.passed_on = True


def without_header(lines: bytes, name_lower: bytes) -> bytes:
    """Header lines but those of one name."""
    kept = (line for line in lines.splitlines(keepends=True) if line.partition(b":")[0].lower() != name_lower)
    return b"".join(kept)


async def _break_off(exchange: Exchange, last_words: bytes) -> None:
    """Whether the client is there to hear it changes nothing about what the upstream did."""
    with suppress(ClientGone):
        await exchange.abort(last_words)


def _ends_by_its_words(answer: Answer, usage: UsageTap) -> None:
    """Where the connection's end is the body's."""
    answer.ends_whole_if(partial(finished, usage, answer.head), partial(said_all, usage, answer.head))


def finished(tap: UsageTap, head: ResponseHead) -> bool:
    """A stream ends whole by its own last event."""
    return head.status != 200 or bool(head.content_encoding) or _finish_seen(tap)


def said_all(tap: UsageTap, head: ResponseHead) -> bool:
    """Its last event came: a connection that breaks afterwards takes nothing away."""
    return head.content_type.startswith(EVENT_STREAM) and _finish_seen(tap)


def _finish_seen(tap: UsageTap) -> bool:
    tap.result()  # reads a last line that has no end
    return tap.finish_seen


async def relay_translated(
    exchange: Exchange, answer: Answer, result: Result, extra: bytes, record: Record, drain_s: float = 0.0
) -> Delivery:
    """A completions answer, passed on as a chat answer. Raises ClientGone."""
    usage = tap_for(answer.head.content_type)
    streams = answer.head.content_type.startswith(EVENT_STREAM)
    if streams:
        extra += unheld_lines(answer.head)
    record.status = answer.head.status
    try:
        async with _accounted(answer, usage, record, drain_s):
            await (_translate_stream if streams else _translate_whole)(exchange, answer, extra, usage)
    except UpstreamFailure as failure:
        if not streams:
            raise
        await _break_off(exchange, BROKE_OFF)
        return Delivery(Outcome.TRUNCATED, Result(ResultKind.BROKEN, result.status), failure.reason)
    return Delivery(outcome_of(result.status, result.kind), result)


async def _translate_whole(exchange: Exchange, answer: Answer, extra: bytes, usage: UsageTap) -> None:
    translated = text_completion.answer(await answer.read_all(MAX_TRANSLATED_BYTES, usage))
    await exchange.begin(answer.head, extra)
    await exchange.write(translated)
    await exchange.end()


async def _translate_stream(exchange: Exchange, answer: Answer, extra: bytes, usage: UsageTap) -> None:
    translator = StreamTranslator()
    _ends_by_its_words(answer, usage)
    await exchange.begin(answer.head, extra)
    while piece := await answer.read():
        usage.feed(piece)
        await _pass_on(exchange, answer, translator.feed(piece))
    await _pass_on(exchange, answer, translator.finish())
    await exchange.end()


def remember(store: ObjectStore, call: Call, deployment: Deployment, status: int, ids: IdTap) -> None:
    """Objects named by a good answer live under this deployment's keys; a deleted one lives nowhere."""
    if not 200 <= status < 300:
        return
    for object_id in ids.ids():
        store.put(object_id, deployment.object_scope)
    gone = forgotten(call.head.method, call.route.path, status)
    if gone is not None:
        store.forget(gone)
