"""The answer on its way back: relayed as it is, with taps that read along; or told truthfully that it broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from proxy.accounting.batches import BatchResultsTap, results_id
from proxy.accounting.counting import ALWAYS, Counted
from proxy.accounting.inflate import inflated
from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import UsageTap
from proxy.errors import UpstreamFailure
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.elsewhere import owner_of_made_there
from proxy.gateway.reading.tenancy import owner_of_made
from proxy.gateway.telling.alike import note_likeness
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import (
    account,
    break_off,
    delivered,
    ends_by_its_words,
    hidden_error,
    note_end,
    note_pace,
    outcome_of,
    read_rest,
    streams,
)
from proxy.gateway.telling.last_words import EventNumber, broke_off, counts_events
from proxy.providers.hidden import Hidden
from proxy.providers.objects import IdTap, forgotten
from proxy.routing.affinity import ObjectStore
from proxy.types import Deployment, Outcome, Result, ResultKind
from proxy.upstream.ahead import Ahead
from proxy.upstream.answer import Answer
from proxy.wire.form import JSON_TYPE
from proxy.wire.gone import ClientGone
from proxy.wire.head import UNTIL_CLOSE
from proxy.wire.parking import Late
from proxy.wire.pump import End, Sieve, Tap
from proxy.wire.response_head import ResponseHead
from proxy.wire.unheld import unheld_lines


class Taps:
    """Two taps on one answer."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Tap, second: Tap) -> None:
        self._first = first
        self._second = second

    def feed(self, payload: bytes) -> None:
        self._first.feed(payload)
        self._second.feed(payload)


Priced: TypeAlias = Callable[[int, int], bytes]
"""Asked once the record has what the answer says of its usage, with its status and its bytes: header lines that tell
its cost."""


def unpriced(_status: int, _answer_bytes: int) -> bytes:
    return b""


HELD_S = 1.0
"""For the rest of an answer whose head is here: who reads JSON needs all of it."""
_DONE = End.DONE
_OK = ResultKind.OK
_ENDS = {
    End.SINK_GONE: (Outcome.CLIENT_GONE, ResultKind.NEUTRAL),
    End.SINK_STALLED: (Outcome.CLIENT_GONE, ResultKind.NEUTRAL),
}
_BROKEN = (Outcome.TRUNCATED, ResultKind.BROKEN)


async def relay(
    exchange: Exchange,
    call: Call,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    ids: IdTap | None,
    drain_s: float = 0.0,
    counted: Counted = ALWAYS,
    priced: Priced = unpriced,
    sieve: Sieve | None = None,
    held_bytes: int = 0,
) -> Delivery:
    """Pass the answer on byte for byte. Raises ClientGone only before the answer has begun.

    `drain_s`: how long it is read on when its client has left. `priced`: what its head says of its cost, where it is
    here whole. `sieve`: of an answer in chunks, what is not for the client. `held_bytes`: of an answer in JSON that is
    waited for until it is here whole, for the sake of its head.
    """
    head = answer.head
    may_be_results = results_id(call.head.method, call.route.path) is not None
    usage: UsageTap = BatchResultsTap() if may_be_results else tap_for(head.content_type)
    record.status = head.status
    is_stream = streams(head)
    if is_stream:
        extra += unheld_lines(head)
    if head.framing == UNTIL_CLOSE:
        ends_by_its_words(answer, usage)
    tap = _tap(usage, ids, exchange, head, record)
    whole = answer.whole
    if whole is None and held_bytes:
        whole = await here_whole(answer, call, held_bytes, drains=drain_s > 0)
    if whole is not None:  # its usage is known before its head goes out
        if tap is not None:
            tap.feed(whole)
        tap = None
        account(record, call, usage, counted)
        extra += priced(head.status, len(whole)) if result.kind is _OK else b""
    if exchange.relay_at_once(answer, extra, tap):
        return Delivery(outcome_of(result.status, result.kind), result)
    if is_stream and tap is usage:
        note_likeness(answer, usage, sieve)
    end = await exchange.relay(answer, extra, tap, sieve)
    if is_stream:
        note_pace(record, usage, answer)
    good = result.kind is _OK
    hidden = hidden_error(call, usage) if good else None
    if end in _ENDS:
        had_all = delivered(answer, usage, hidden)
        end = _DONE if had_all else end
        await read_rest(answer, tap, drain_s, had_all=had_all)
        hidden = hidden_error(call, usage) if good and hidden is None else hidden
    if whole is None:
        note_end(usage, answer)
        account(record, call, usage, counted, complete=end is _DONE)
    if end is _DONE:
        return Delivery(outcome_of(result.status, result.kind), result, hidden=hidden)
    return await _ended(exchange, record, answer, result, end, hidden)


async def _ended(
    exchange: Exchange, record: Record, answer: Answer, result: Result, end: End, hidden: Hidden | None
) -> Delivery:
    """Before it was whole."""
    outcome, kind = _ENDS.get(end, _BROKEN)
    if outcome is Outcome.TRUNCATED:
        tells = streams(answer.head) and not answer.head.content_encoding and hidden is None
        await break_off(exchange, record, broke_off() if tells else None)
    return Delivery(outcome, Result(kind, result.status), end.value, hidden)


async def here_whole(answer: Answer, call: Call, most_bytes: int, *, drains: bool) -> bytes | None:
    """The payload of JSON that was made for the call, once it is here; what is longer or slower, or was asked for as a
    stream, goes its way. Raises ClientGone, unless `drains`: then the relay finds out, and reads on."""
    head = answer.head
    made = head.status == 200 and call.head.method == b"POST" and head.content_type.startswith(JSON_TYPE)
    if not made or call.stream or head.framing > most_bytes:
        return None
    deadline = time.monotonic() + HELD_S
    try:
        ahead = Ahead(answer)
        while not ahead.done and ahead.size <= most_bytes:
            await ahead.read(deadline)
    except (UpstreamFailure, Late):  # whoever passes it on will say
        return None
    except ClientGone:
        if not drains:
            raise
        return None
    return ahead.payload if ahead.done else None


def _tap(
    usage: UsageTap, ids: IdTap | None, exchange: Exchange, head: ResponseHead, record: Record
) -> Tap | None:
    """All that read along; None: it is coded in a way that is not known."""
    tap: Tap = usage if ids is None else Taps(usage, ids)
    if streams(head) and counts_events(record.route):
        tap = Taps(tap, EventNumber(exchange))
    return inflated(tap, head.content_encoding) if head.content_encoding else tap


def remember(store: ObjectStore, call: Call, deployment: Deployment, status: int, ids: IdTap) -> None:
    """Objects named by a good answer live under this deployment's keys; a deleted one lives nowhere."""
    if not 200 <= status < 300:
        return
    owner = owner_of_made(call, store) if call.route.provider is None else owner_of_made_there(call, store)
    for object_id in ids.ids():
        store.put(object_id, deployment.object_scope, owner)
    gone = forgotten(call.head.method, call.route.path, status)
    if gone is not None:
        store.forget(gone)
