"""A completions answer, passed on as a chat answer."""

from __future__ import annotations

from proxy.accounting.counting import ALWAYS
from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import Tap as UsageTap
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
from proxy.gateway.telling.last_words import broke_off
from proxy.providers import text_completion
from proxy.providers.text_completion import StreamTranslator
from proxy.types import Outcome, Result, ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.unheld import unheld_lines

MAX_TRANSLATED_BYTES = 16 * 1024 * 1024
"""A whole answer held to be translated; completions are text."""


async def relay_translated(
    exchange: Exchange,
    call: Call,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    drain_s: float = 0.0,
) -> Delivery:
    """Raises ClientGone; UpstreamFailure while nothing of it was sent."""
    usage = tap_for(answer.head.content_type)
    is_stream = streams(answer.head)
    if is_stream:
        extra += unheld_lines(answer.head)
    record.status = answer.head.status
    try:
        async with accounted(answer, call, usage, record, drain_s, ALWAYS):
            await (_translate_stream if is_stream else _translate_whole)(exchange, answer, extra, usage)
    except UpstreamFailure as failure:
        if not is_stream:
            raise
        hidden = hidden_error(call, usage)
        await break_off(exchange, record, broke_off() if hidden is None else None)
        return Delivery(Outcome.TRUNCATED, Result(ResultKind.BROKEN, result.status), failure.reason, hidden)
    return Delivery(outcome_of(result.status, result.kind), result, hidden=hidden_error(call, usage))


async def _translate_whole(exchange: Exchange, answer: Answer, extra: bytes, usage: UsageTap) -> None:
    translated = text_completion.answer(await answer.read_all(MAX_TRANSLATED_BYTES, usage))
    await exchange.begin(answer.head, extra)
    await exchange.write(translated)
    await exchange.end()


async def _translate_stream(exchange: Exchange, answer: Answer, extra: bytes, usage: UsageTap) -> None:
    translator = StreamTranslator()
    ends_by_its_words(answer, usage)
    await exchange.begin(answer.head, extra)
    while piece := await answer.read():
        usage.feed(piece)
        await pass_on(exchange, answer, translator.feed(piece))
    await pass_on(exchange, answer, translator.finish())
    await exchange.end()
