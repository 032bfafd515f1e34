"""A request on its way to one deployment, until the head of an answer is here."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from proxy.gateway.telling.holding import error_text
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.redirects import Trail, aimed_at, follow, target_of
from proxy.gateway.trying.run import Run
from proxy.providers.usage_asked import NAMES
from proxy.upstream.answer import Answer
from proxy.upstream.client import UpstreamClient
from proxy.upstream.destination import Endpoint
from proxy.upstream.outbound import Outbound, Patience
from proxy.upstream.renewed import Renewed
from proxy.wire.parking import Parking


class Sending:
    """One per worker and configuration."""

    __slots__ = ("_client", "sender")

    def __init__(self, client: UpstreamClient, sender: Sender) -> None:
        self._client = client
        self.sender = sender

    def outbound(self, run: Run, lane: Lane) -> Outbound:
        """HOT. Raises GatewayError."""
        return self.sender.outbound(run.call, run.choice, lane, run.exchange, run)

    def send(self, run: Run, lane: Lane, outbound: Outbound) -> Awaitable[Answer]:
        """HOT. Raises UpstreamFailure, ClientGone."""
        patience = lane.stream if run.call.stream else lane.whole
        parking, destination = run.exchange.parking, lane.destination
        if destination.renewed is not None:
            return self._send_admitted(run, lane, outbound, destination.renewed, patience)
        if destination.deployment.streaming.drains and not run.call.rest:
            return self._send_apart(parking, destination.endpoint, outbound, patience, run.until)
        return self._client.send(parking, destination.endpoint, outbound, patience, run.until)

    async def unasked(
        self, run: Run, lane: Lane, outbound: Outbound, answer: Answer
    ) -> tuple[Outbound, Answer]:
        """An upstream that does not know how to be asked for a stream's usage is not asked again, by anybody.

        Raises UpstreamFailure, ClientGone.
        """
        text = await error_text(answer)
        if not any(name in text for name in NAMES):
            return outbound, answer
        self.sender.refuses_to_say_usage(lane)
        answer.close()
        outbound = self.outbound(run, lane)
        return outbound, await self.send(run, lane, outbound)

    async def _send_admitted(
        self, run: Run, lane: Lane, asked: Outbound, renewed: Renewed, patience: Patience
    ) -> Answer:
        """With the credential of this moment. Raises UpstreamFailure where there is none."""
        parking, destination = run.exchange.parking, lane.destination
        await renewed.ready(parking, run.until)
        outbound = aimed_at(self.outbound(run, lane), target_of(asked))
        if destination.deployment.streaming.drains and not run.call.rest:
            return await self._send_apart(parking, destination.endpoint, outbound, patience, run.until)
        return await self._client.send(parking, destination.endpoint, outbound, patience, run.until)

    async def follow(self, run: Run, lane: Lane, outbound: Outbound, answer: Answer) -> Answer:
        """Where its redirects end; what it says of places is the client's to use. Raises GatewayError 502."""

        def again() -> Outbound | None:
            return None if run.call.rest else self.outbound(run, lane)

        trail = Trail(lane.destination.endpoint, lane.destination.base_path, run.call.head.path)
        return await follow(answer, outbound, trail, partial(self.send, run, lane), again)

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
