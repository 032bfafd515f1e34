"""An answer in another language than its client's, passed on in that."""

from __future__ import annotations

from proxy.accounting.counting import ALWAYS
from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import UsageTap
from proxy.errors import UpstreamFailure
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.telling.answering import Priced, unpriced
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
from proxy.gateway.telling.holding import tell_as
from proxy.gateway.telling.last_words import broke_off
from proxy.types import Outcome, Result, ResultKind, Translation
from proxy.upstream.answer import Answer
from proxy.wire.unheld import unheld_lines

MAX_TRANSLATED_BYTES = 16 * 1024 * 1024
"""A whole answer held to be translated: it is text, or calls of tools."""
UNAVAILABLE = 503
RETRY_AFTER_S = 5
"""Where an upstream is overloaded, by a status that the client's language has not, and does not say for how long."""
MAX_ERROR_BYTES = 64 * 1024
"""Of an upstream's error that is told in other words, or inside a stream."""


async def relay_translated(
    exchange: Exchange,
    call: Call,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    translation: Translation,
    drain_s: float = 0.0,
    priced: Priced = unpriced,
) -> Delivery:
    """Raises ClientGone; UpstreamFailure while nothing of it was sent. `priced`: as in `relay`."""
    if answer.head.status != 200:
        return await _translate_error(exchange, answer, result, extra, record, translation)
    usage = tap_for(answer.head.content_type)
    is_stream = streams(answer.head)
    if is_stream:
        extra += unheld_lines(answer.head)
    record.status = answer.head.status
    if not is_stream:
        async with accounted(answer, call, usage, record, drain_s, ALWAYS):
            body = await answer.read_all(MAX_TRANSLATED_BYTES, usage)
        told = priced(answer.head.status, len(body)) if result.kind is ResultKind.OK else b""
        await _tell_whole(exchange, answer, extra + told, translation.answer(body))
        return Delivery(outcome_of(result.status, result.kind), result, hidden=hidden_error(call, usage))
    try:
        async with accounted(answer, call, usage, record, drain_s, ALWAYS):
            await _translate_stream(exchange, answer, extra, usage, translation)
    except UpstreamFailure as failure:
        hidden = hidden_error(call, usage)
        await break_off(exchange, record, broke_off() if hidden is None else None)
        return Delivery(Outcome.TRUNCATED, Result(ResultKind.BROKEN, result.status), failure.reason, hidden)
    return Delivery(outcome_of(result.status, result.kind), result, hidden=hidden_error(call, usage))


async def _tell_whole(exchange: Exchange, answer: Answer, extra: bytes, body: bytes) -> None:
    await exchange.begin(answer.head, extra)
    await exchange.write(body)
    await exchange.end()


async def _translate_stream(
    exchange: Exchange, answer: Answer, extra: bytes, usage: UsageTap, translation: Translation
) -> None:
    translator = translation.stream()
    ends_by_its_words(answer, usage)
    await exchange.begin(answer.head, extra)
    while piece := await answer.read():
        usage.feed(piece)
        await pass_on(exchange, answer, translator.feed(piece))
    await pass_on(exchange, answer, translator.finish())
    await exchange.end()


async def _translate_error(
    exchange: Exchange,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    translation: Translation,
) -> Delivery:
    """Its status may be another one in the client's language."""
    status, body = error_in(translation, answer.head.status, await answer.read_all(MAX_ERROR_BYTES))
    if status != answer.head.status and status == UNAVAILABLE and answer.head.get(b"retry-after") is None:
        extra += b"Retry-After: %d\r\n" % RETRY_AFTER_S
    tell_as(answer.head, status)
    record.status = status
    await _tell_whole(exchange, answer, extra, body)
    return Delivery(outcome_of(result.status, result.kind), result)


def error_in(translation: Translation | None, status: int, body: bytes) -> tuple[int, bytes]:
    """In the client's language."""
    if translation is None or translation.error is None:
        return status, body
    return translation.error(status, body)
