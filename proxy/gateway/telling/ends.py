"""How a relay ends: whole, delivered before its end, broken off, or left by its client."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import partial

from proxy.accounting.batches import BatchResultsTap, results_id
from proxy.accounting.counting import Counted, counts, owner_at, owner_of
from proxy.accounting.record import Record
from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.usage import UsageTap
from proxy.errors import GatewayError, UpstreamFailure
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind
from proxy.gateway.telling.last_words import last_words
from proxy.providers.hidden import Hidden, among, looked_into
from proxy.types import Outcome, ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.gone import ClientGone
from proxy.wire.pump import Tap
from proxy.wire.response_head import ResponseHead

EVENT_STREAM = b"text/event-stream"
REST_S = 1.0
REST_BYTES = 64 * 1024
"""Of a stream behind its last event, read when its client has left with that: so its connection can be kept."""


_OUTCOMES = {2: Outcome.OK, 3: Outcome.OK, 4: Outcome.CLIENT_ERROR, 5: Outcome.UPSTREAM_ERROR}
_KEYS_OWN = (ResultKind.AUTH, ResultKind.RATE_LIMITED)


def outcome_of(status: int, kind: ResultKind) -> Outcome:
    """Of an answer that was passed on whole. A refused key or a used-up quota is not the client's fault."""
    if kind in _KEYS_OWN:
        return Outcome.UPSTREAM_ERROR
    return _OUTCOMES.get(status // 100, Outcome.UPSTREAM_ERROR)


def streams(head: ResponseHead) -> bool:
    return head.content_type.startswith(EVENT_STREAM)


def ends_by_its_words(answer: Answer, usage: UsageTap) -> None:
    """Where the connection's end is the body's."""
    answer.ends_whole_if(partial(finished, usage, answer.head), partial(said_all, usage, answer.head))


def finished(tap: UsageTap, head: ResponseHead) -> bool:
    """A stream ends whole by its own last event."""
    return head.status != 200 or bool(head.content_encoding) or _finish_seen(tap)


def said_all(tap: UsageTap, head: ResponseHead) -> bool:
    """Its last event came: a connection that breaks afterwards takes nothing away."""
    return streams(head) and _finish_seen(tap)


def _finish_seen(tap: UsageTap) -> bool:
    tap.result()  # reads a last line that has no end
    return tap.finish_seen


def hidden_error(call: Call, usage: UsageTap) -> Hidden | None:
    """In an answer that was made for this request."""
    suspects = usage.suspects
    return among(suspects) if suspects and looked_into(call.head.method, call.route.path) else None


def delivered(answer: Answer, usage: UsageTap, hidden: Hidden | None = None) -> bool:
    """The client that has left had the stream's last event, or its error: what it did not wait for is framing."""
    return streams(answer.head) and answer.passed_on and (usage.finish_seen or hidden is not None)


async def read_rest(answer: Answer, tap: Tap | None, drain_s: float, *, had_all: bool) -> None:
    """Nobody hears it. `drain_s`: how long, for the sake of its usage."""
    if had_all:
        await read_on(answer, None, REST_S, REST_BYTES)
    elif drain_s:
        await read_on(answer, tap, drain_s)
    elif tap is not None and streams(answer.head):
        answer.glance(tap)


async def read_on(answer: Answer, tap: Tap | None, limit_s: float, limit_bytes: float = math.inf) -> None:
    """To its end, within the limits."""
    answer.outlast()
    answer.until = min(answer.until, time.monotonic() + limit_s)
    limit_bytes += answer.received_bytes
    with suppress(UpstreamFailure):
        while (piece := await answer.read()) and answer.received_bytes < limit_bytes:
            if tap is not None:
                tap.feed(piece)


class accounted:  # noqa: N801 - reads as what it does
    """`async with`: however the reading ends, what was used is in the record.

    With `drain_s` also what no client heard. A client that leaves with the last event has not left.
    """

    __slots__ = ("_answer", "_call", "_counted", "_drain_s", "_record", "_usage")

    def __init__(
        self, answer: Answer, call: Call, usage: UsageTap, record: Record, drain_s: float, counted: Counted
    ) -> None:
        self._answer = answer
        self._call = call
        self._usage = usage
        self._record = record
        self._drain_s = drain_s
        self._counted = counted

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, _kind: object, error: BaseException | None, _way: object) -> bool:
        try:
            return isinstance(error, ClientGone) and await self._had_all()
        finally:
            note_end(self._usage, self._answer)
            account(self._record, self._call, self._usage, self._counted)

    async def _had_all(self) -> bool:
        had_all = delivered(self._answer, self._usage, hidden_error(self._call, self._usage))
        await read_rest(self._answer, self._usage, self._drain_s, had_all=had_all)
        return had_all


_POLLED = (b"/responses/", b"/runs")
"""In the paths of what is asked for until it is done."""
_MAKING = (b"/chat/completions", b"/responses")
"""Ends of the paths that make what can be asked for again."""
_NATIVE = Kind.NATIVE


def account(record: Record, call: Call, usage: UsageTap, counted: Counted, *, complete: bool = True) -> None:
    """The usage that an answer says goes into the record of the one request that it is counted for."""
    route = call.route
    posted = call.head.method == b"POST"
    if isinstance(usage, BatchResultsTap):
        _account_results(record, call, usage, counted, complete=complete)
        return
    if not posted and not any(part in route.path for part in _POLLED):
        return
    said = usage.result()
    record.model_served = usage.model
    if said is None or (route.kind is _NATIVE and not route.path.endswith(b"responses")):
        record.usage = said
        return
    made = posted and call.head.path.endswith(_MAKING)
    text, whole = usage.said_by()
    owner = owner_of(text) if whole else owner_at(text)
    if counts(owner, counted, posted=posted, made=made):
        record.usage = said


def note_pace(record: Record, usage: UsageTap, answer: Answer) -> None:
    """When a stream began to say something, and how long it paused."""
    record.longest_gap_s = answer.longest_gap_s
    if isinstance(usage, SseUsageTap) and usage.content_unix_s is not None:
        record.first_content_s = max(0.0, usage.content_unix_s - record.started_unix_s)


def note_end(usage: UsageTap, answer: Answer) -> None:
    """Whether a stream has said what it used, or that is to be reckoned from what came of it."""
    if isinstance(usage, SseUsageTap) and not usage.finish_seen:
        answer.unsaid = usage.only_begun or usage.result() is None
        answer.event_bytes = usage.event_bytes


def _account_results(
    record: Record, call: Call, usage: BatchResultsTap, counted: Counted, *, complete: bool
) -> None:
    """Once they were fetched whole: whoever does so is the one that they are counted for."""
    results, said = results_id(call.head.method, call.route.path), usage.result()
    if complete and said is not None and results is not None and counted.first(results):
        record.model_served, record.usage = usage.model, said


async def pass_on(exchange: Exchange, answer: Answer, piece: bytes) -> None:
    """What came of the answer, or was made of that. Raises ClientGone."""
    answer.passed_on = False
    if piece:
        await exchange.write(piece)
    answer.passed_on = True


async def break_off(exchange: Exchange, record: Record, error: GatewayError | None) -> None:
    """Whether the client is there to hear it changes nothing about what the upstream did.

    `error`: to be told in one more event; None where none can follow.
    """
    words = b"" if error is None else last_words(record.route, error, exchange.next_event)
    with suppress(ClientGone):
        await exchange.abort(words)
