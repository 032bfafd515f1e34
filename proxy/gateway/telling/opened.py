"""An answer whose client already has the head of an event stream, and comments."""

from __future__ import annotations

from proxy.accounting.counting import ALWAYS, Counted
from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.errors import UpstreamFailure
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import (
    accounted,
    break_off,
    ends_by_its_words,
    hidden_error,
    outcome_of,
    pass_on,
    streams,
)
from proxy.gateway.telling.last_words import EventNumber, broke_off, told_by
from proxy.gateway.telling.translating import MAX_ERROR_BYTES, error_in
from proxy.types import Outcome, Result, ResultKind, Translation
from proxy.upstream.answer import Answer

ENDING_BYTES = len(b"\r\n\r\n")
"""The longest blank line that ends an event."""
NO_STREAM = "told in the stream"


async def relay_into_open(
    exchange: Exchange,
    call: Call,
    answer: Answer,
    result: Result,
    record: Record,
    drain_s: float = 0.0,
    counted: Counted = ALWAYS,
    translation: Translation | None = None,
) -> Delivery:
    """Raises ClientGone, UpstreamFailure when an answer that is no stream breaks off."""
    record.status = 200
    if answer.head.status != 200 or not streams(answer.head):
        told = error_in(translation, answer.head.status, await answer.read_all(MAX_ERROR_BYTES))
        await break_off(exchange, record, told_by(*told))
        outcome = outcome_of(result.status, result.kind)
        return Delivery(Outcome.TRUNCATED if outcome is Outcome.OK else outcome, result, NO_STREAM)
    usage, number = tap_for(answer.head.content_type), EventNumber(exchange)
    ends_by_its_words(answer, usage)
    translator = None if translation is None else translation.stream()
    last = b"\n\n"
    try:
        async with accounted(answer, call, usage, record, drain_s, counted):
            while piece := await answer.read():
                usage.feed(piece)
                said = piece if translator is None else translator.feed(piece)
                number.feed(said)
                await pass_on(exchange, answer, said)
                last = (last + said)[-ENDING_BYTES:]
            if translator is not None:
                await pass_on(exchange, answer, translator.finish())
            await exchange.end()
    except UpstreamFailure as failure:
        hidden = hidden_error(call, usage)
        tells = last.endswith((b"\n\n", b"\r\n\r\n")) and hidden is None
        await break_off(exchange, record, broke_off() if tells else None)
        return Delivery(Outcome.TRUNCATED, Result(ResultKind.BROKEN, result.status), failure.reason, hidden)
    return Delivery(outcome_of(result.status, result.kind), result, hidden=hidden_error(call, usage))
