"""What an answer says of the key that gave it: by its head, by the words of an error, by what hides behind a 200."""

from __future__ import annotations

import time

import msgspec

from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import outcome_of, streams
from proxy.gateway.telling.holding import HoldSettings, error_text, hold, mode_of, tell_status
from proxy.gateway.telling.keepalive import KeepAlive
from proxy.gateway.trying.blaming import UnknownWords, asked_of, foreign
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.own_lines import OwnLines
from proxy.gateway.trying.run import Failure, Run
from proxy.gateway.trying.slots import Slots
from proxy.providers.hidden import Hidden, looked_into
from proxy.providers.outcome import REFUSING, limits_of, refusal_of, result_of
from proxy.providers.verdict import Asked, needs_words, verdict
from proxy.routing.router import Router
from proxy.types import Outcome, Result, ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.gone import ClientGone
from proxy.wire.response_head import ResponseHead

RATE_LIMITS = b"ratelimit-"
"""Of OpenAI's `x-ratelimit-remaining-requests`, and of Anthropic's `anthropic-ratelimit-requests-remaining`."""
_OK = ResultKind.OK
GOOD = Result(_OK, 200)


class Judging:
    """One per worker and configuration."""

    __slots__ = ("_holds", "_own", "_reads_refusals", "_router", "_sender", "_slots", "_unknown_words")

    def __init__(
        self,
        router: Router,
        slots: Slots,
        sender: Sender,
        own: OwnLines,
        holds: HoldSettings,
        *,
        reads_refusals: bool,
    ) -> None:
        """`reads_refusals`: it matters why a request was turned down."""
        self._router = router
        self._slots = slots
        self._sender = sender
        self._own = own
        self._holds = holds
        self._reads_refusals = reads_refusals
        self._unknown_words = UnknownWords()

    def of_head(self, head: ResponseHead) -> Result:
        """HOT. Until its words are read an error's status alone teaches nothing: its client may leave meanwhile."""
        return GOOD if head.status == 200 else result_of(head.status, head.get, time.time())

    def hear(self, run: Run, lane: Lane, head: ResponseHead, result: Result) -> Result:
        """HOT. What an answer's head says of the key's quota, unless it is another account's; a good one also says
        that the key is well."""
        deployment = lane.destination.deployment
        if result is GOOD and not self._router.listens(deployment, run.answered, run.choice.wish):
            return result
        if head.mentions(RATE_LIMITS) and not foreign(
            run.call.head, lane.destination, self._sender.forwards(run.call)
        ):
            result = msgspec.structs.replace(result, limits=limits_of(head.get, time.time()))
        if result.kind is _OK and self._router.answered(
            deployment, run.answered, result.limits, run.sent, run.choice.wish
        ):
            self._slots.call_next()
        return result

    async def failed(self, run: Run, lane: Lane, answer: Answer, result: Result) -> Failure | None:
        """Whether a good answer, as far as its head goes, is one; how one failed that is none.

        Raises UpstreamFailure, ClientGone."""
        if result.kind is _OK:
            return await self._hold(run, lane, answer)
        result = self.hear(run, lane, answer.head, result)
        asked = self._asked(run, lane)
        status = result.status
        if not (needs_words(status, asked) or (self._reads_refusals and status in REFUSING)):
            return Failure(result)
        return self._judge(lane, result, await error_text(answer), asked)

    def learned(self, run: Run, lane: Lane, head: ResponseHead, delivery: Delivery) -> Delivery:
        """What passed as a good answer was none: its record and its key's health say so."""
        hidden = delivery.hidden
        if hidden is None:
            return delivery
        result = self._judge_hidden(run, lane, head, hidden).result
        gone = delivery.outcome is Outcome.CLIENT_GONE
        return Delivery(
            delivery.outcome if gone else outcome_of(result.status, result.kind), result, result.word
        )

    async def keep_alive(self, run: Run, lane: Lane) -> None:
        """From now on its client gets a sign of life where it would hear nothing."""
        period_s = lane.destination.deployment.streaming.keepalive_s
        run.keep_alive = KeepAlive(run.exchange, period_s, self._own.of_stream(run.record, run.reservation))
        await run.scope.start(run.keep_alive.run)

    async def _hold(self, run: Run, lane: Lane, answer: Answer) -> Failure | None:
        """Until the relay may begin; what failed behind a good status. Raises UpstreamFailure, ClientGone."""
        deployment = lane.destination.deployment
        if run.exchange.parking.gone and deployment.streaming.drains:
            return None
        if deployment.streaming.keepalive_s and run.keep_alive is None and streams(answer.head):
            await self.keep_alive(run, lane)  # the request did not say that it would be one
        wait_s = lane.first_token_s if run.call.stream else lane.whole.first_byte_s
        deadline = min(run.sent + wait_s, run.until)
        mode = mode_of(run.call, deployment)
        try:
            generated = looked_into(run.call.head.method, run.call.route.path)
            hidden = await hold(answer, mode, deadline, lane.stream.gap_s, self._holds, generated=generated)
        except ClientGone:
            if not deployment.streaming.drains:  # the relay reads on
                raise
            return None
        if hidden is None:
            return None
        failed = self._judge_hidden(run, lane, answer.head, hidden)
        tell_status(answer.head, hidden)
        return failed

    def _asked(self, run: Run, lane: Lane) -> Asked:
        return asked_of(run.call, run.choice, lane.destination, self._sender.forwards(run.call))

    def _judge(self, lane: Lane, result: Result, text: bytes, asked: Asked) -> Failure:
        """What an error's words say more than its head, and whom they blame."""
        status = result.status
        result = verdict(result, text, asked)
        if result.word:
            self._unknown_words.tell(lane.destination.deployment, result)
        return Failure(result, refusal_of(status, text) if self._reads_refusals else None)

    def _judge_hidden(self, run: Run, lane: Lane, head: ResponseHead, hidden: Hidden) -> Failure:
        heard = result_of(hidden.status, head.get, time.time())
        failed = self._judge(lane, heard, hidden.body, self._asked(run, lane))
        word = failed.result.word or hidden.word
        return Failure(msgspec.structs.replace(failed.result, word=word), failed.refusal, word)
