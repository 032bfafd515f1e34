"""Tries deployments until one answers or there is no other: one attempt is one function.

Nothing has been sent to the client while attempts go on: what the relay sends first is the point of no return.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from functools import partial

import msgspec
import trio

from proxy.accounting.counting import ALWAYS, Counted
from proxy.accounting.record import Record
from proxy.errors import ClientGone, UpstreamFailure
from proxy.gateway.telling.answering import relay, remember, without_header
from proxy.gateway.telling.cors import without_cors
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import outcome_of, streams
from proxy.gateway.telling.holding import error_text, hold, is_plainly_good, mode_of, tell_status
from proxy.gateway.telling.keepalive import KeepAlive
from proxy.gateway.telling.mock import mocks, send_mock
from proxy.gateway.telling.opened import relay_into_open
from proxy.gateway.telling.refusals import (
    NOT_YOURS_YET,
    SHOULD_NOT_RETRY_LINE,
    nothing_to_pick,
    upstream_failed,
)
from proxy.gateway.telling.translating import relay_translated
from proxy.gateway.trying.blaming import UnknownWords, asked_of, foreign
from proxy.gateway.trying.following import Following, FollowingSettings, Next
from proxy.gateway.trying.lane import AttemptSettings, Lane, lane_of
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.redirects import PLACES, Trail, follow
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.run import Failure, Run, cause_of
from proxy.gateway.trying.selection import Choice
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.providers.hidden import Hidden, looked_into
from proxy.providers.objects import IdTap
from proxy.providers.outcome import REFUSING, limits_of, refusal_of, result_of, retryable
from proxy.providers.verdict import Asked, needs_words, verdict
from proxy.routing.refusal import NOT_SERVED
from proxy.routing.router import Router, Unavailable
from proxy.types import Deployment, Headers, Outcome, Result, ResultKind, Translation
from proxy.upstream.answer import Answer
from proxy.upstream.client import Outbound, Patience, UpstreamClient
from proxy.upstream.destination import Destination, Endpoint
from proxy.wire.parking import Late, Parking
from proxy.wire.response_head import ResponseHead

log = logging.getLogger("sluice")

RATE_LIMITS = b"x-ratelimit-remaining-"
_OK = ResultKind.OK
_BLAMELESS = (_OK, ResultKind.NEUTRAL)
GOOD = Result(_OK, 200)
NOTHING_LEARNED = Result(ResultKind.NEUTRAL)
PLAIN = FollowingSettings()


class Attempts:
    """Phases four to six: where, the wire, the relay. One per worker and configuration."""

    def __init__(
        self,
        router: Router,
        destinations: Mapping[str, Destination],
        client: UpstreamClient,
        sender: Sender,
        settings: AttemptSettings,
        following: FollowingSettings = PLAIN,
        budget: RetryBudget | None = None,
        room: WaitingRoom | None = None,
        clock: Callable[[], float] = time.monotonic,
        counted: Counted = ALWAYS,
    ) -> None:
        """`budget`, `room`: the worker's, which outlive a configuration; without them retries are unbounded
        and nobody waits."""
        self._router = router
        self._lanes = {id_: lane_of(destination, settings) for id_, destination in destinations.items()}
        self._client = client
        self._sender = sender
        self._settings = settings
        self._budget = budget or RetryBudget(0, sys.maxsize)
        self._room = WaitingRoom(0, 0) if room is None else room
        self._following = Following(router, following, self._budget, clock)
        self._reads_refusals = following.reads_refusals()
        self._unknown_words = UnknownWords()
        self._clock = clock
        self._counted = counted
        self._tells_every_attempt = log.isEnabledFor(logging.DEBUG)

    async def run(self, run: Run) -> None:
        """Answer the exchange from an upstream. Raises GatewayError when none can, ClientGone."""
        run.until = run.started + self._settings.total_s
        self._budget.requests += 1
        try:
            queues = self._room.queues
            picked = NOT_YOURS_YET if queues and _queue(run.choice) in queues else self._ask(run)
            deployment = (
                picked if isinstance(picked, Deployment) else (await self._wait(run, picked)).deployment
            )
            if deployment.keepalive_s and run.call.stream:
                await self._begin_keep_alive(run, deployment)
            while (following := await self._attempt(run, deployment)) is not None:
                if following.wait_s:
                    following = await self._pause(run, following)
                deployment = following.deployment
        finally:
            if run.keep_alive is not None:
                run.keep_alive.stop()
            self._budget.requests -= 1
            if run.retrying:
                self._budget.give_back(run.retrying, run.call.caller.id)

    def _ask(self, run: Run) -> Deployment | Unavailable:
        choice = run.choice
        return self._router.pick(
            choice.pool, self._clock(), run.spent, choice.scope, choice.placed_by, choice.wish
        )

    def _insist(self, run: Run) -> Deployment | Unavailable:
        """Whatever is foretold."""
        choice = run.choice
        return self._router.insist(choice.pool, self._clock(), run.spent, choice.scope, choice.wish)

    async def _wait(self, run: Run, refusal: Unavailable) -> Next:
        """Another group at once, else a place in the queue. Raises GatewayError when neither helps, ClientGone."""
        if refusal is not NOT_YOURS_YET and (instead := self._following.instead(run)) is not None:
            return instead
        if refusal.reason == NOT_SERVED:  # nothing to wait for
            raise nothing_to_pick(refusal)
        picked = await self._room.turn(
            _queue(run.choice),
            run.exchange.parking,
            partial(self._ask, run),
            refusal,
            run.until,
            run.call.caller.id,
            partial(self._insist, run),
        )
        if isinstance(picked, Unavailable):
            raise nothing_to_pick(picked)
        return Next(picked)

    async def _pause(self, run: Run, following: Next) -> Next:
        """The slot is kept, unless others have taught by now that the key rests. Raises ClientGone, GatewayError."""
        keeps = False
        try:
            with suppress(Late):
                async with run.exchange.parking.guard(self._clock() + following.wait_s):
                    await trio.sleep_forever()
            keeps = not self._router.rests(following.deployment, self._clock(), run.choice.wish)
        finally:
            if not keeps:
                self._settle(run, following.deployment, NOTHING_LEARNED)
        if keeps:
            return following
        again = self._ask(run)
        return Next(again) if isinstance(again, Deployment) else await self._wait(run, again)

    async def _begin_keep_alive(self, run: Run, deployment: Deployment) -> None:
        run.keep_alive = KeepAlive(run.exchange, deployment.keepalive_s, self._call_lines(run.record))
        await run.scope.start(run.keep_alive.run)

    def _settle(self, run: Run, deployment: Deployment, result: Result) -> None:
        cause = None if result.kind in _BLAMELESS else cause_of(run)
        self._router.settle(deployment, result, self._clock(), run.choice.wish, cause)
        if self._room.queues:
            self._room.call_next()

    async def _attempt(self, run: Run, deployment: Deployment) -> Next | None:
        """One attempt on a picked deployment. Returns what to try next, None when the client has its answer."""
        result = NOTHING_LEARNED
        settled = False
        answer: Answer | None = None
        call, record, lane = run.call, run.record, self._lanes[deployment.id]
        self._begin(run, deployment)
        try:
            if deployment.mock_response is not None and mocks(call):
                await self._mock(run, deployment)
                return None
            sent = self._clock()
            outbound = self._sender.outbound(call, run.choice, lane, run.exchange)
            answer = await self._send(run, lane, outbound)
            if answer.head.status != 200 or answer.head.holds(PLACES):
                answer = await self._follow(run, lane, outbound, answer)
            answer.until = run.until
            answered = self._clock()
            record.first_byte_s = answered - run.started
            head = answer.head
            # Until its words are read an error's status alone teaches nothing: its client may leave meanwhile.
            heard = GOOD if head.status == 200 else result_of(head.status, head.get, time.time())
            failed: Failure | None = None
            word: str | None = None
            # HOT: nearly every plain answer is here with its head, and holds no error.
            if heard is not GOOD or call.stream or not is_plainly_good(answer):
                failed = await self._failed(run, lane, answer, heard, answered, sent)
            if failed is not None:
                settled, result, word = True, failed.result, failed.word
                following = self._after(run, deployment, failed)
                if following is not None:
                    return following
            elif heard is not GOOD or self._router.listens(deployment, answered, run.choice.wish):
                result = self._hear(run, head, heard, deployment, answered, sent)
            else:
                result = heard
            delivery = await self._deliver(
                run, lane, answer, result, sent - run.started, outbound.translation
            )
            if delivery.hidden is not None:
                delivery = self._learned(run, lane, head, delivery, delivery.hidden)
            result = _used(delivery.result, answered - sent, record)
            record.outcome, record.error = delivery.outcome, delivery.error or word
        except UpstreamFailure as failure:
            result = Result(failure.kind, blame=failure.blame)
            record.error = failure.reason
            told, settled = settled, True  # told: the error that was to be passed on broke off too
            failed = Failure(result, unsent=failure.kind is ResultKind.REFUSED)
            following = None if told else self._after(run, deployment, failed, failure.reason)
            if following is None:
                raise upstream_failed(failure, retried=record.attempts > 1) from failure
            return following
        finally:
            if answer is not None:
                answer.close()
            if not settled:
                self._settle(run, deployment, result)
        return None

    def _begin(self, run: Run, deployment: Deployment) -> None:
        run.record.attempts += 1
        run.record.deployment_id = deployment.id
        run.record.origin = deployment.origin or None
        run.tried.append(deployment)
        if self._tells_every_attempt:
            _log_attempt(run, deployment)

    async def _follow(self, run: Run, lane: Lane, outbound: Outbound, answer: Answer) -> Answer:
        """Where its redirects end; what it says of places is the client's to use. Raises GatewayError 502."""
        call = run.call

        def again() -> Outbound | None:
            return None if call.rest else self._sender.outbound(call, run.choice, lane, run.exchange)

        trail = Trail(lane.destination.endpoint, lane.destination.base_path, call.head.path)
        return await follow(answer, outbound, trail, partial(self._send, run, lane), again)

    def _send(self, run: Run, lane: Lane, outbound: Outbound) -> Awaitable[Answer]:
        """Raises UpstreamFailure, ClientGone."""
        patience = lane.stream if run.call.stream else lane.whole
        parking, destination = run.exchange.parking, lane.destination
        if destination.deployment.drains and not run.call.rest:
            return self._send_apart(parking, destination.endpoint, outbound, patience, run.until)
        return self._client.send(parking, destination.endpoint, outbound, patience, run.until)

    async def _send_apart(
        self, parking: Parking, endpoint: Endpoint, outbound: Outbound, patience: Patience, until: float
    ) -> Answer:
        """The client's leaving does not end the wait."""
        apart = parking.another()
        try:
            answer = await self._client.send(apart, endpoint, outbound, patience, until)
        finally:
            apart.close()
        answer.belongs_to(parking)
        return answer

    def _hear(
        self, run: Run, head: ResponseHead, result: Result, deployment: Deployment, now: float, sent: float
    ) -> Result:
        """What an answer's head says of the key's quota, unless it is another account's; a good one also says that
        the key is well."""
        if head.mentions(RATE_LIMITS) and not self._is_foreign(run, deployment):
            result = msgspec.structs.replace(result, limits=limits_of(head.get))
        if result.kind is _OK:
            answered = self._router.answered(deployment, now, result.limits, sent, run.choice.wish)
            if answered and self._room.queues:
                self._room.call_next()
        return result

    def _is_foreign(self, run: Run, deployment: Deployment) -> bool:
        destination = self._lanes[deployment.id].destination
        return foreign(run.call.head, destination, self._sender.forwards(run.call))

    async def _failure(self, run: Run, lane: Lane, answer: Answer, result: Result) -> Failure:
        """What an error's body says more than its head, and whom it blames. Raises ClientGone."""
        destination = lane.destination
        asked = asked_of(run.call, run.choice, destination, self._sender.forwards(run.call))
        status = result.status
        if not (needs_words(status, asked) or (self._reads_refusals and status in REFUSING)):
            return Failure(result)
        return self._judge(lane, result, await error_text(answer), asked)

    def _judge(self, lane: Lane, result: Result, text: bytes, asked: Asked) -> Failure:
        status = result.status
        result = verdict(result, text, asked)
        if result.word:
            self._unknown_words.tell(lane.destination.deployment, result)
        return Failure(result, refusal_of(status, text) if self._reads_refusals else None)

    def _judge_hidden(self, run: Run, lane: Lane, head: ResponseHead, hidden: Hidden) -> Failure:
        asked = asked_of(run.call, run.choice, lane.destination, self._sender.forwards(run.call))
        failed = self._judge(lane, result_of(hidden.status, head.get, time.time()), hidden.body, asked)
        word = failed.result.word or hidden.word
        return Failure(msgspec.structs.replace(failed.result, word=word), failed.refusal, word)

    def _learned(
        self, run: Run, lane: Lane, head: ResponseHead, delivery: Delivery, hidden: Hidden
    ) -> Delivery:
        """What passed as a good answer was none: its record and its key's health say so."""
        result = self._judge_hidden(run, lane, head, hidden).result
        gone = delivery.outcome is Outcome.CLIENT_GONE
        return Delivery(
            delivery.outcome if gone else outcome_of(result.status, result.kind), result, result.word
        )

    async def _failed(
        self, run: Run, lane: Lane, answer: Answer, result: Result, answered: float, sent: float
    ) -> Failure | None:
        """Whether a good answer, as far as its head goes, is one; how one failed that is none."""
        if result.kind is _OK:
            return await self._hold(run, lane, answer, sent)
        heard = self._hear(run, answer.head, result, lane.destination.deployment, answered, sent)
        return await self._failure(run, lane, answer, heard)

    async def _hold(self, run: Run, lane: Lane, answer: Answer, sent: float) -> Failure | None:
        """Until the relay may begin; what failed behind a good status. Raises UpstreamFailure, ClientGone."""
        deployment = lane.destination.deployment
        if run.exchange.parking.gone and deployment.drains:
            return None
        if deployment.keepalive_s and run.keep_alive is None and streams(answer.head):
            await self._begin_keep_alive(run, deployment)  # the request did not say that it would be one
        wait_s = lane.first_token_s if run.call.stream else lane.whole.first_byte_s
        deadline = min(sent + wait_s, run.until)
        mode = mode_of(run.call, deployment)
        try:
            generated = looked_into(run.call.head.method, run.call.route.path)
            hidden = await hold(
                answer, mode, deadline, lane.stream.gap_s, self._settings.hold, generated=generated
            )
        except ClientGone:
            if not deployment.drains:  # the relay reads on
                raise
            return None
        if hidden is None:
            return None
        failed = self._judge_hidden(run, lane, answer.head, hidden)
        tell_status(answer.head, hidden)
        return failed

    def _after(self, run: Run, deployment: Deployment, failure: Failure, reason: str = "") -> Next | None:
        """The failure is told first: what follows must not be a key that it has just benched. Raises ClientGone."""
        self._settle(run, deployment, failure.result)
        if run.exchange.parking.gone:  # and this deployment drains: nobody wants another attempt
            raise ClientGone
        following = self._following.after(run, failure, deployment)
        if following is not None or reason or failure.result.kind is not ResultKind.NEUTRAL:
            _log_failed(run, deployment, reason or f"answered {failure.result.status}", following)
        return following

    def _deliver(
        self,
        run: Run,
        lane: Lane,
        answer: Answer,
        result: Result,
        overhead_s: float,
        translation: Translation | None,
    ) -> Awaitable[Delivery]:
        """Raises UpstreamFailure, ClientGone."""
        deployment, exchange, record = lane.destination.deployment, run.exchange, run.record
        if run.cause is not None and result.kind is _OK:  # what failed it before did so of its own
            self._router.cleared(deployment, run.cause, self._clock())
        if run.keep_alive is not None:
            run.keep_alive.answered(answer.head)
        drain_s = self._settings.drain_s if deployment.drains else 0.0
        if exchange.lines:
            answer.head.lines = without_cors(answer.head.lines)
        if exchange.opened_early:
            counted = self._counted
            return relay_into_open(exchange, run.call, answer, result, record, drain_s, counted, translation)
        extra = self._extra_lines(record, lane, overhead_s)
        if result.kind is not _OK and record.attempts > 1 and retryable(result):
            answer.head.lines = without_header(answer.head.lines, b"x-should-retry")
            extra += SHOULD_NOT_RETRY_LINE
        if translation is not None and (answer.head.status == 200 or translation.error is not None):
            return relay_translated(exchange, run.call, answer, result, extra, record, translation, drain_s)
        # A file's content is its author's: ids in it could be forged.
        if run.choice.stateful and not run.call.route.path.endswith(b"/content"):
            return self._relay_and_remember(run, deployment, answer, result, extra, drain_s)
        return relay(exchange, run.call, answer, result, extra, record, None, drain_s, self._counted)

    async def _relay_and_remember(
        self,
        run: Run,
        deployment: Deployment,
        answer: Answer,
        result: Result,
        extra: bytes,
        drain_s: float,
    ) -> Delivery:
        ids = IdTap(answer.head.content_type)
        delivery = await relay(
            run.exchange, run.call, answer, result, extra, run.record, ids, drain_s, self._counted
        )
        remember(self._router.store, run.call, deployment, answer.head.status, ids)
        return delivery

    async def _mock(self, run: Run, deployment: Deployment) -> None:
        extra = self._extra_lines(run.record, self._lanes[deployment.id], self._clock() - run.started)
        run.record.status, run.record.outcome, run.record.error = 200, Outcome.OK, None
        await send_mock(run.exchange, run.call, deployment, extra)

    def call_line(self, record: Record) -> Headers:
        """For errors of the gateway's own making, which come from no deployment."""
        if not self._settings.response_headers:
            return ()
        return ((b"x-litellm-call-id", record.call_id.encode()),)

    def _extra_lines(self, record: Record, lane: Lane, overhead_s: float) -> bytes:
        """The gateway's own header lines. Overhead: what passed before the upstream was asked."""
        if not self._settings.response_headers:
            return b""
        return (
            b"x-litellm-call-id: %b\r\n%bx-litellm-attempted-retries: %d\r\n"
            b"x-litellm-attempted-fallbacks: %d\r\nx-litellm-overhead-duration-ms: %.3f\r\n"
            % (
                record.call_id.encode(),
                lane.header,
                record.attempts - 1,
                record.fallbacks,
                overhead_s * 1000,
            )
        )

    def _call_lines(self, record: Record) -> bytes:
        return b"".join(b"%b: %b\r\n" % line for line in self.call_line(record))


def _queue(choice: Choice) -> Hashable:
    """Who waits for one model, kind of request or object does not stand in the way of who wants another."""
    wish = choice.wish
    return choice.pool, choice.scope, wish.model, wish.star, wish.family


def _log_attempt(run: Run, deployment: Deployment) -> None:
    where = deployment.called, deployment.api_base
    log.debug("%s attempt %d: %s at %s", run.record.call_id, run.record.attempts, *where)


def _log_failed(run: Run, deployment: Deployment, reason: str, following: Next | None) -> None:
    then = "no other is tried" if following is None else f"next is {following.deployment.called}"
    log.info("%s %s failed: %s; %s", run.record.call_id, deployment.called, reason, then)


def _used(result: Result, first_byte_s: float, record: Record) -> Result:
    """With what strategies and quotas want to know."""
    tokens = None if record.usage is None else record.usage.total_tokens
    if tokens is None and result.kind is not _OK:
        return result
    return Result(result.kind, result.status, result.retry_after_s, first_byte_s, tokens)
