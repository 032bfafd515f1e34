"""An answer on its way to the client, with the gateway's own lines: relayed, translated, mocked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from proxy.accounting.counting import Counted
from proxy.gateway.telling.answering import Priced, relay, remember, unpriced
from proxy.gateway.telling.cors import is_cors
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import streams
from proxy.gateway.telling.mock import send_mock, send_own
from proxy.gateway.telling.opened import relay_into_open
from proxy.gateway.telling.refusals import SHOULD_NOT_RETRY, SHOULD_NOT_RETRY_LINE
from proxy.gateway.telling.translating import relay_translated
from proxy.gateway.trying.costing import Costing, cost_lines
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.listing import Listing
from proxy.gateway.trying.own_lines import OwnLines
from proxy.gateway.trying.run import Run
from proxy.providers.objects import IdTap
from proxy.providers.outcome import retryable
from proxy.providers.usage_asked import UsageSieve
from proxy.routing.router import Router
from proxy.types import Outcome, Result, ResultKind, Translation
from proxy.upstream.answer import Answer
from proxy.upstream.outbound import Outbound
from proxy.wire.head import CHUNKED
from proxy.wire.header_lines import without
from proxy.wire.response_head import ResponseHead

_OK = ResultKind.OK


def _as_it_is(body: bytes) -> bytes:
    return body


SIEVED = Translation(path=b"", body=b"", answer=_as_it_is, stream=UsageSieve)
"""A stream that was asked for its usage, in the words of one that was not."""


def _is_plain_stream(head: ResponseHead) -> bool:
    """HOT."""
    return streams(head) and not head.content_encoding


class Delivering:
    """One per worker and configuration."""

    __slots__ = ("_clock", "_costing", "_counted", "_drain_s", "_held_bytes", "_listing", "_own", "_router")

    def __init__(
        self,
        router: Router,
        own: OwnLines,
        drain_s: float,
        counted: Counted,
        clock: Callable[[], float],
        costing: Costing,
        listing: Listing,
        held_bytes: int,
    ) -> None:
        """`drain_s`: how long an answer is read on after its client left, where its deployment drains. `held_bytes`: of
        an answer in JSON that is waited for until it is here whole, where its head tells its cost."""
        self._router = router
        self._own = own
        self._drain_s = drain_s
        self._counted = counted
        self._clock = clock
        self._costing = costing
        self._listing = listing
        self._held_bytes = held_bytes if own.told else 0

    def deliver(
        self, run: Run, lane: Lane, answer: Answer, result: Result, outbound: Outbound
    ) -> Awaitable[Delivery]:
        """HOT. Raises UpstreamFailure, ClientGone."""
        translation = outbound.translation
        deployment, exchange, record = lane.destination.deployment, run.exchange, run.record
        if run.cause is not None and result.kind is _OK:  # what failed it before did so of its own
            self._router.cleared(deployment, run.cause, self._clock())
        if run.keep_alive is not None:
            run.keep_alive.answered(answer.head)
        drain_s = self._drain_s if deployment.streaming.drains else 0.0
        if exchange.lines:
            answer.head.lines = without(answer.head.lines, is_cors)
        if exchange.opened_early:
            counted = self._counted
            translation = SIEVED if outbound.asks_usage else translation
            return relay_into_open(exchange, run.call, answer, result, record, drain_s, counted, translation)
        extra = self._own.of_answer(record, lane, run.sent - run.started)
        if run.reservation is not None:
            extra += self._own.of_limits(run.reservation, answer.head)
        if result.kind is not _OK and record.attempts > 1 and retryable(result):
            answer.head.lines = without(answer.head.lines, SHOULD_NOT_RETRY[0].__eq__)
            extra += SHOULD_NOT_RETRY_LINE
        if translation is not None and (answer.head.status == 200 or translation.error is not None):
            priced = self._priced(run, lane)
            return relay_translated(
                exchange, run.call, answer, result, extra, record, translation, drain_s, priced
            )
        # A file's content is its author's: ids in it could be forged.
        if run.choice.stateful and not run.call.route.path.endswith(b"/content"):
            if answer.head.status < 300 and self._listing.is_for(run.call):
                return self._listing.relay(run, lane, answer, result, extra)
            return self._relay_and_remember(run, lane, answer, result, extra, drain_s)
        if outbound.asks_usage and answer.head.status == 200 and _is_plain_stream(answer.head):
            return self._relay_sieved(run, answer, result, extra, drain_s)
        priced = self._priced(run, lane)
        counted, held = self._counted, self._held_bytes
        return relay(
            exchange, run.call, answer, result, extra, record, None, drain_s, counted, priced, None, held
        )

    def _relay_sieved(
        self, run: Run, answer: Answer, result: Result, extra: bytes, drain_s: float
    ) -> Awaitable[Delivery]:
        """HOT. Without what only the gateway has asked for. Chunks are what nearly every stream comes in."""
        exchange, call, record = run.exchange, run.call, run.record
        if answer.head.framing != CHUNKED:
            return relay_translated(exchange, call, answer, result, extra, record, SIEVED, drain_s)
        counted, sieve = self._counted, UsageSieve()
        return relay(exchange, call, answer, result, extra, record, None, drain_s, counted, unpriced, sieve)

    def _priced(self, run: Run, lane: Lane) -> Priced:
        return partial(self._price, run, lane) if self._own.told else unpriced

    def _price(self, run: Run, lane: Lane, status: int, answer_bytes: int) -> bytes:
        self._costing.answered(run, lane, status, answer_bytes)
        return cost_lines(run.record)

    async def mock(self, run: Run, lane: Lane) -> None:
        extra = self._begin_own(run, lane)
        await send_mock(run.exchange, run.call, lane.destination.deployment, extra)

    async def own(self, run: Run, lane: Lane, body: bytes) -> None:
        """What the gateway answers in place of its upstream."""
        await send_own(run.exchange, body, self._begin_own(run, lane))

    def _begin_own(self, run: Run, lane: Lane) -> bytes:
        """Its header lines."""
        run.record.status, run.record.outcome, run.record.error = 200, Outcome.OK, None
        lines = self._own.of_answer(run.record, lane, self._clock() - run.started)
        return lines + self._own.of_key(run.reservation)

    async def _relay_and_remember(
        self, run: Run, lane: Lane, answer: Answer, result: Result, extra: bytes, drain_s: float
    ) -> Delivery:
        ids = IdTap(answer.head.content_type)
        delivery = await relay(
            run.exchange,
            run.call,
            answer,
            result,
            extra,
            run.record,
            ids,
            drain_s,
            self._counted,
            self._priced(run, lane),
            held_bytes=self._held_bytes,
        )
        remember(self._router.store, run.call, lane.destination.deployment, answer.head.status, ids)
        return delivery
