"""Tries deployments until one answers or there is no other: one attempt is one function.

Nothing has been sent to the client while attempts go on: what the relay sends first is the point of no return.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping

import msgspec

from proxy.accounting.record import Record
from proxy.errors import Fault, GatewayError, UpstreamFailure
from proxy.gateway.answering import Delivery, relay, relay_translated, remember
from proxy.gateway.call import Call
from proxy.gateway.exchange import Exchange
from proxy.gateway.mock import mocks, send_mock
from proxy.gateway.outbound import Sender, translated
from proxy.gateway.selection import Choice
from proxy.providers.objects import IdTap
from proxy.providers.outcome import result_of, result_of_body, retryable
from proxy.routing.router import Router, Unavailable
from proxy.types import Deployment, Headers, Outcome, Result, ResultKind
from proxy.upstream.answer import Answer
from proxy.upstream.client import Patience, UpstreamClient
from proxy.upstream.destination import Destination

log = logging.getLogger("sluice")


class AttemptSettings(msgspec.Struct, frozen=True):
    retries: int
    """Further attempts, on other deployments."""
    patience: Patience
    """Where the deployment does not say."""
    first_byte_limit_s: float
    """`first_byte_timeout_s`, whatever longer time a deployment allows; `inf`: no such limit."""
    response_headers: bool
    """Whether answers carry `x-litellm-*`."""


class Lane(msgspec.Struct, frozen=True):
    """What every attempt on one deployment shares."""

    destination: Destination
    whole: Patience
    """For answers that come in one piece."""
    stream: Patience
    header: bytes
    """`x-litellm-model-id`"""


class Run(msgspec.Struct, gc=False):
    """One request's attempts: what they share."""

    exchange: Exchange
    call: Call
    choice: Choice
    record: Record
    started: float
    """Monotonic seconds."""
    tried: list[Deployment]


class Attempts:
    """Phases four to six: where, the wire, the relay. One per worker and configuration."""

    def __init__(
        self,
        router: Router,
        destinations: Mapping[str, Destination],
        client: UpstreamClient,
        sender: Sender,
        settings: AttemptSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._router = router
        self._lanes = {id_: _lane(destination, settings) for id_, destination in destinations.items()}
        self._client = client
        self._sender = sender
        self._settings = settings
        self._clock = clock
        self._tells_every_attempt = log.isEnabledFor(logging.DEBUG)

    async def run(self, run: Run) -> None:
        """Answer the exchange from an upstream. Raises GatewayError when none can, ClientGone."""
        picked = self._pick(run)
        if isinstance(picked, Unavailable):
            raise _unavailable(picked)
        deployment: Deployment | None = picked
        while deployment is not None:
            run.record.attempts += 1
            run.record.deployment_id = deployment.id
            if self._tells_every_attempt:
                _log_attempt(run, deployment)
            deployment = await self._attempt(run, deployment)

    def _pick(self, run: Run) -> Deployment | Unavailable:
        choice = run.choice
        return self._router.pick(
            choice.pool, self._clock(), tried=run.tried, scope=choice.scope, caller=choice.placed_by
        )

    async def _attempt(self, run: Run, deployment: Deployment) -> Deployment | None:
        """One attempt on a picked deployment. Returns the one to try next, None when the client has its answer."""
        result = Result(ResultKind.NEUTRAL)
        answer: Answer | None = None
        call, lane = run.call, self._lanes[deployment.id]
        run.tried.append(deployment)
        try:
            if mocks(call, deployment):
                await self._mock(run, deployment)
                return None
            sent = self._clock()
            outbound = self._sender.outbound(call, run.choice, lane.destination, run.exchange)
            patience = lane.stream if call.stream else lane.whole
            answer = await self._client.send(
                run.exchange.parking, lane.destination.endpoint, outbound, patience
            )
            answered = self._clock()
            run.record.first_byte_s = answered - run.started
            result = result_of(answer.head.status, answer.head.get, time.time())
            if result.kind is ResultKind.OK:
                self._router.answered(deployment, answered)
            elif retryable(result):
                if result.kind is ResultKind.RATE_LIMITED:
                    result = result_of_body(result, answer.beginning())
                following = self._another(run)
                _log_failed(run, deployment, f"answered {answer.head.status}", following)
                if following is not None:
                    return following
            delivery = await self._deliver(run, lane, answer, result, sent - run.started)
            result = delivery.result
            run.record.outcome, run.record.error = delivery.outcome, delivery.error
        except UpstreamFailure as failure:
            result = Result(failure.kind)
            run.record.error = failure.reason
            following = self._another(run, unsent=failure.kind is ResultKind.REFUSED)
            _log_failed(run, deployment, failure.reason, following)
            if following is None:
                raise _failed(failure) from failure
            return following
        finally:
            if answer is not None:
                answer.close()
            self._router.settle(deployment, result, self._clock())
        return None

    def _another(self, run: Run, *, unsent: bool = False) -> Deployment | None:
        """A deployment not tried yet, with a slot taken; None when this request must end here.

        A body still on the wire can go once only; `unsent`: no connection took any of it.
        """
        if run.call.rest and not unsent:
            return None
        if run.exchange.committed or run.record.attempts > self._settings.retries:
            return None
        picked = self._pick(run)
        return None if isinstance(picked, Unavailable) else picked

    async def _deliver(
        self, run: Run, lane: Lane, answer: Answer, result: Result, overhead_s: float
    ) -> Delivery:
        deployment = lane.destination.deployment
        extra = self._extra_lines(run.record, lane, overhead_s)
        if translated(run.call, deployment) and answer.head.status == 200:
            return await relay_translated(run.exchange, answer, result, extra, run.record)
        # A file's content is its author's: ids in it could be forged.
        learns = run.choice.stateful and not run.call.route.path.endswith(b"/content")
        ids = IdTap(answer.head.content_type) if learns else None
        delivery = await relay(run.exchange, run.call, answer, result, extra, run.record, ids)
        if ids is not None:
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
            b"x-litellm-call-id: %b\r\n%bx-litellm-attempted-retries: %d\r\nx-litellm-overhead-duration-ms: %.3f\r\n"
            % (
                record.call_id.encode(),
                lane.header,
                record.attempts - 1,
                overhead_s * 1000,
            )
        )


def _lane(destination: Destination, settings: AttemptSettings) -> Lane:
    deployment, patience = destination.deployment, settings.patience
    timeout_s = deployment.timeout_s or patience.first_byte_s
    whole_s = min(timeout_s, settings.first_byte_limit_s)
    stream_s = min(deployment.stream_timeout_s or timeout_s, settings.first_byte_limit_s)
    return Lane(
        destination,
        msgspec.structs.replace(patience, first_byte_s=whole_s),
        msgspec.structs.replace(patience, first_byte_s=stream_s),
        b"x-litellm-model-id: %b\r\n" % deployment.id.encode(),
    )


def _log_attempt(run: Run, deployment: Deployment) -> None:
    where = deployment.id, deployment.api_base
    log.debug("%s attempt %d: %s at %s", run.record.call_id, run.record.attempts, *where)


def _log_failed(run: Run, deployment: Deployment, reason: str, following: Deployment | None) -> None:
    then = "no other is tried" if following is None else f"next is {following.id}"
    log.info("%s %s failed: %s; %s", run.record.call_id, deployment.id, reason, then)


def _unavailable(refusal: Unavailable) -> GatewayError:
    """Nothing to pick at all: when to come back is the router's word."""
    wait_s = max(1, math.ceil(refusal.retry_after_s))
    headers = ((b"retry-after", b"%d" % wait_s),)
    if refusal.reason == "at capacity":
        message = "Every deployment of this model is at its limit of parallel requests."
        return GatewayError(
            429, message, kind="rate_limit_error", code="at_capacity", fault=Fault.GATEWAY, headers=headers
        )
    message = f"Every deployment of this model is resting after failures. Try again in {wait_s} s."
    code = "no_deployment_available"
    return GatewayError(
        503, message, kind="service_unavailable_error", code=code, fault=Fault.UPSTREAM, headers=headers
    )


def _failed(failure: UpstreamFailure) -> GatewayError:
    late = failure.kind is ResultKind.TIMEOUT
    status, code = (504, "upstream_timeout") if late else (502, "upstream_failed")
    message = failure.reason[0].upper() + failure.reason[1:] + "."
    return GatewayError(status, message, kind="upstream_error", code=code, fault=Fault.UPSTREAM)
