"""Whether a key that is suspected will really not do: asked of its upstream by one free call, beside all requests.

`GET {base}/models` with the deployment's own headers and nothing of any client's: it costs no tokens on any provider.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import trio

from proxy.errors import UpstreamFailure
from proxy.gateway.telling.holding import error_text
from proxy.providers.dialect import MODELS, dialect_of
from proxy.providers.family import family_of
from proxy.providers.outcome import result_of
from proxy.providers.sigv4 import signature
from proxy.providers.verdict import Asked, verdict
from proxy.routing.router import Suspicion
from proxy.types import Deployment, Layer, ResultKind
from proxy.upstream.answer import Answer
from proxy.upstream.client import UpstreamClient
from proxy.upstream.destination import EVERYTHING, Destination
from proxy.upstream.outbound import Outbound, Patience
from proxy.wire.form import RequestHead
from proxy.wire.gone import ClientGone
from proxy.wire.head import NO_BODY
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor

log = logging.getLogger("sluice")

LONGEST_S = 5.0
"""Of one call, connecting included: a list of models is small and comes at once."""
AT_ONCE = 4
"""Calls per worker: each is asked for at most once per key and second, and most keys are never suspected."""
WAITING = 64
"""Suspicions; beyond them one is forgotten, and raised again by the next request that meets it."""
_HEAD = RequestHead.of(b"GET", MODELS, ((b"Accept", b"application/json"),))
_FAMILY = family_of(b"GET", MODELS)
_PATIENCE = Patience(LONGEST_S, LONGEST_S, LONGEST_S, LONGEST_S)


Tell = Callable[[Suspicion, bool], None]
"""The verdict: whether the upstream refuses the key."""


class Confirmer:
    """One per worker: `hear` never waits, `run` asks."""

    def __init__(
        self, reactor: Reactor, client: UpstreamClient, destination_of: Callable[[Deployment], Destination]
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._destination_of = destination_of
        self._heard, self._waiting = trio.open_memory_channel[tuple[Suspicion, Tell]](WAITING)
        self._turns = trio.CapacityLimiter(AT_ONCE)
        self.asked = self.refused = self.forgotten = 0

    def hear(self, suspicion: Suspicion, tell: Tell) -> None:
        try:
            self._heard.send_nowait((suspicion, tell))
        except trio.WouldBlock:
            self.forgotten += 1

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            async for suspicion, tell in self._waiting:
                await self._turns.acquire_on_behalf_of(suspicion)
                nursery.start_soon(self._confirm, suspicion, tell)

    async def _confirm(self, suspicion: Suspicion, tell: Tell) -> None:
        try:
            self.asked += 1
            refused = await self._refuses(suspicion.deployment)
        finally:
            self._turns.release_on_behalf_of(suspicion)
        self.refused += refused
        if refused:
            log.warning("%s: a free call with its key was refused, too", suspicion.deployment.called)
        tell(suspicion, refused)

    async def _refuses(self, deployment: Deployment) -> bool:
        """False as well where the call itself fails: that says nothing of the key."""
        destination = self._destination_of(deployment)
        place, key = destination.base_path + dialect_of(deployment).models, deployment.signing
        more = () if key is None else signature(key, b"GET", destination.host, place, b"", time.time())
        head = destination.head(_HEAD, EVERYTHING, NO_BODY, place, more)
        parking, until = Parking(self._reactor), time.monotonic() + LONGEST_S
        try:
            outbound = Outbound(b"GET", head, b"")
            answer = await self._client.send(parking, destination.endpoint, outbound, _PATIENCE, until)
            answer.until = until
            try:
                return await _is_refusal(answer, deployment)
            finally:
                answer.close()
        except (UpstreamFailure, Late, ClientGone):
            return False
        finally:
            parking.close()


async def _is_refusal(answer: Answer, deployment: Deployment) -> bool:
    """Here, with nothing of a client's, a 401 or 403 is the key's own, whether it has a word for it or not. Other
    statuses need one: a 429 may mean that there is no money left, a 400 that the key is wrong."""
    head = answer.head
    result = result_of(head.status, head.get, time.time())
    if result.kind is ResultKind.OK:
        return False
    found = verdict(result, await error_text(answer), Asked(deployment.provider, _FAMILY))
    return found.kind is ResultKind.AUTH and found.blame is Layer.KEY
