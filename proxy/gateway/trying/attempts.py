"""Tries deployments until one answers or there is no other: one attempt is one function.

Nothing has been sent to the client while attempts go on: what the relay sends first is the point of no return.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping

from proxy.accounting.counting import ALWAYS, Counted
from proxy.accounting.record import Record
from proxy.errors import Answered, CannotSay, UpstreamFailure
from proxy.gateway.reading.tenancy import APART, Tenancy
from proxy.gateway.reading.whose import SharedObjects, Whose
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.holding import is_plainly_good
from proxy.gateway.telling.mock import mocks
from proxy.gateway.telling.refusals import upstream_failed
from proxy.gateway.telling.unwrapping import unwrap
from proxy.gateway.trying.before import PATH as RESPONSES
from proxy.gateway.trying.before import Conversations, before
from proxy.gateway.trying.costing import Costing, Unpriced
from proxy.gateway.trying.delivering import Delivering
from proxy.gateway.trying.following import Following, FollowingSettings, Next
from proxy.gateway.trying.judging import GOOD, Judging
from proxy.gateway.trying.lane import AttemptSettings, lane_of
from proxy.gateway.trying.listing import Listing
from proxy.gateway.trying.own_lines import OwnLines
from proxy.gateway.trying.reckoning import Reckoning
from proxy.gateway.trying.redirects import PLACES
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.run import Failure, Run
from proxy.gateway.trying.sending import Sending
from proxy.gateway.trying.slots import NOTHING_LEARNED, Slots
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.pricing.book import PriceBook
from proxy.routing.router import Router
from proxy.types import Deployment, Headers, Result, ResultKind
from proxy.upstream.destination import Destination
from proxy.wire.gone import ClientGone

log = logging.getLogger("sluice")

_OK = ResultKind.OK
MISUNDERSTOOD = frozenset((400, 422))
"""How upstreams answer a parameter that they do not know."""
_NEUTRAL = ResultKind.NEUTRAL
PLAIN = FollowingSettings()


class Lasting:
    """What is the worker's, and outlives a configuration."""

    __slots__ = ("budget", "clock", "conversations", "counted", "objects", "reckoning", "room", "unpriced")

    def __init__(
        self,
        budget: RetryBudget | None = None,
        room: WaitingRoom | None = None,
        counted: Counted = ALWAYS,
        clock: Callable[[], float] | None = None,
        unpriced: Unpriced | None = None,
        reckoning: Reckoning | None = None,
        conversations: Conversations | None = None,
        objects: SharedObjects | None = None,
    ) -> None:
        """Without a budget retries are unbounded, without a room nobody waits. `clock`: of monotonic seconds; None:
        the one there is when this is made, since a simulation has its own.
        `conversations`: of /responses over upstreams that keep none. `objects`: what other workers saw made."""
        self.budget = RetryBudget(0, sys.maxsize) if budget is None else budget
        self.room = WaitingRoom(0, 0) if room is None else room
        self.counted = counted
        self.conversations = conversations
        self.objects = objects
        self.unpriced = Unpriced() if unpriced is None else unpriced
        self.reckoning = Reckoning() if reckoning is None else reckoning
        self.clock = time.monotonic if clock is None else clock


class Attempts:
    """Phases four to six: where, the wire, the relay. One per worker and configuration."""

    def __init__(
        self,
        router: Router,
        destinations: Mapping[str, Destination],
        sending: Sending,
        settings: AttemptSettings,
        following: FollowingSettings = PLAIN,
        lasting: Lasting | None = None,
        book: PriceBook | None = None,
        tenancy: Tenancy = APART,
    ) -> None:
        """Raises PriceError where a deployment's own prices are none."""
        book = book or PriceBook()
        lasting = lasting or Lasting()
        clock = lasting.clock
        self._conversations = lasting.conversations
        self._clock = clock
        self._budget = lasting.budget
        self._lanes = {id_: lane_of(destination, settings, book) for id_, destination in destinations.items()}
        self._total_s = settings.total_s
        self._own = OwnLines(told=settings.response_headers)
        self._costing = Costing(book, lasting.unpriced, lasting.reckoning)
        self._following = Following(router, following, lasting.budget, clock)
        self._slots = Slots(router, self._following, lasting.room, clock)
        self._sending = sending
        self._judging = Judging(
            router,
            self._slots,
            sending.sender,
            self._own,
            settings.hold,
            reads_refusals=following.reads_refusals(),
        )
        apart = Listing(Whose(router.store, lasting.objects), sending, tenancy)
        self._delivering = Delivering(
            router,
            self._own,
            settings.drain_s,
            lasting.counted,
            clock,
            self._costing,
            apart,
            settings.hold.answer_bytes,
        )
        self._tells_every_attempt = log.isEnabledFor(logging.DEBUG)

    def call_line(self, record: Record) -> Headers:
        """For errors of the gateway's own making, which come from no deployment."""
        return self._own.of_call(record)

    async def run(self, run: Run) -> None:
        """Answer the exchange from an upstream. Raises GatewayError when none can, ClientGone."""
        run.until = run.started + self._total_s
        self._budget.requests += 1
        slots = self._slots
        try:
            if run.call.route.path == RESPONSES and self._conversations is not None:
                run.before = await before(run.call, self._conversations, run.exchange.parking)
            picked = slots.first(run)
            deployment = (
                picked if isinstance(picked, Deployment) else (await slots.wait(run, picked)).deployment
            )
            if deployment.streaming.keepalive_s and run.call.stream:
                await self._judging.keep_alive(run, self._lanes[deployment.id])
            while (following := await self._attempt(run, deployment)) is not None:
                if following.wait_s:
                    following = await slots.pause(run, following)
                deployment = following.deployment
        finally:
            self._end(run)

    def _end(self, run: Run) -> None:
        if run.keep_alive is not None:
            run.keep_alive.stop()
        self._budget.requests -= 1
        if run.retrying:
            self._budget.give_back(run.retrying, run.call.caller.id)

    async def _attempt(self, run: Run, deployment: Deployment) -> Next | None:
        """One attempt on a picked deployment. Returns what to try next, None when the client has its answer."""
        self._begin(run, deployment)
        result, lane, judging = NOTHING_LEARNED, self._lanes[deployment.id], self._judging
        if run.call.route.provider is not None:
            lane = lane.through or lane
        try:
            if deployment.mock_response is not None and mocks(run.call):
                await self._delivering.mock(run, lane)
                return None
            run.sent = self._clock()
            run.record.sent_s = run.sent - run.started
            outbound = self._sending.outbound(run, lane)
            answer = await self._sending.send(run, lane, outbound)
            try:
                if answer.head.status in MISUNDERSTOOD and outbound.asks_usage:
                    outbound, answer = await self._sending.unasked(run, lane, outbound, answer)
                if answer.head.status != 200 or answer.head.mentions(PLACES):
                    answer = await self._sending.follow(run, lane, outbound, answer)
                answer.until = run.until
                run.answered = self._clock()
                run.record.first_byte_s = run.answered - run.started
                heard, failed = judging.of_head(answer.head), None
                # HOT: nearly every plain answer is here with its head, and holds no error.
                if heard is not GOOD or run.call.stream or not is_plainly_good(answer):
                    unwrap(answer, outbound.translation)
                    failed = await judging.failed(run, lane, answer, heard)
                if failed is None:
                    result = judging.hear(run, lane, answer.head, heard)
                else:
                    result = failed.result
                    following = self._after(run, deployment, failed)
                    if following is not None:
                        self._costing.lost(run, lane, answer)
                        return following
                delivered: Delivery | None = None
                try:
                    delivered = await self._delivering.deliver(run, lane, answer, result, outbound)
                finally:
                    self._costing.delivered(run, lane, answer, delivered)
                delivery = judging.learned(run, lane, answer.head, delivered)
                result = _told(run, delivery, failed)
            finally:
                answer.close()
        except UpstreamFailure as failure:
            return self._broken(run, deployment, failure)
        except Answered as answered:
            await self._delivering.own(run, lane, answered.body)
        except CannotSay:
            return self._unsaid(run, deployment)
        finally:
            if not run.settled:
                self._slots.settle(run, deployment, result)
        return None

    def _begin(self, run: Run, deployment: Deployment) -> None:
        run.settled = False
        run.record.attempts += 1
        run.record.deployment_id = deployment.id
        run.record.origin = deployment.origin or None
        run.tried.append(deployment)
        if self._tells_every_attempt:
            _log_attempt(run, deployment)

    def _broken(self, run: Run, deployment: Deployment, failure: UpstreamFailure) -> Next:
        """What follows a connection that failed. Raises GatewayError 502, 504 when nothing does; ClientGone."""
        run.record.error = failure.reason
        following = None
        if not run.settled:  # else the error that was to be passed on broke off too
            result = Result(failure.kind, blame=failure.blame)
            failed = Failure(result, unsent=failure.kind is ResultKind.REFUSED)
            following = self._after(run, deployment, failed, failure.reason)
        if following is None:
            raise upstream_failed(failure, retried=run.record.attempts > 1) from failure
        return following

    def _unsaid(self, run: Run, deployment: Deployment) -> Next:
        """What follows where the deployment's language has no words for the request; it was sent nothing. Raises
        CannotSay, which is being handled, when nothing does."""
        self._slots.settle(run, deployment, NOTHING_LEARNED)
        following = self._following.elsewhere(run)
        if following is None:
            raise  # noqa: PLE0704 - called while it is handled
        return following

    def _after(self, run: Run, deployment: Deployment, failure: Failure, reason: str = "") -> Next | None:
        """The failure is told first: what follows must not be a key that it has just benched. Raises ClientGone."""
        self._slots.settle(run, deployment, failure.result)
        if run.exchange.parking.gone:  # and this deployment drains: nobody wants another attempt
            raise ClientGone
        following = self._following.after(run, failure, deployment)
        if following is not None or reason or failure.result.kind is not _NEUTRAL:
            _log_failed(run, deployment, reason or f"answered {failure.result.status}", following)
        return following


def _told(run: Run, delivery: Delivery, failed: Failure | None) -> Result:
    """The record says how it ended; the key's health is told so, with what strategies and quotas want to know."""
    record, result = run.record, delivery.result
    word = None if failed is None else failed.word
    record.outcome, record.error = delivery.outcome, delivery.error or word
    tokens = None if record.usage is None else record.usage.total_tokens
    if tokens is None and result.kind is not _OK:
        return result
    return Result(result.kind, result.status, result.retry_after_s, run.answered - run.sent, tokens)


def _log_attempt(run: Run, deployment: Deployment) -> None:
    where = deployment.called, deployment.api_base
    log.debug("%s attempt %d: %s at %s", run.record.call_id, run.record.attempts, *where)


def _log_failed(run: Run, deployment: Deployment, reason: str, following: Next | None) -> None:
    then = "no other is tried" if following is None else f"next is {following.deployment.called}"
    log.info("%s %s failed: %s; %s", run.record.call_id, deployment.called, reason, then)
