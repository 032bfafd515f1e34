"""A second port, where there is nothing but the page that its pipeline has."""

from __future__ import annotations

import socket
from collections.abc import Callable

from proxy.edge.asgi import AsgiApp
from proxy.edge.http1 import Doorway
from proxy.edge.limits import DoorLimits
from proxy.gateway.exchange import Exchange
from proxy.gateway.pipeline import Pipeline
from proxy.wire.reactor import Reactor


class SideDoor:
    def __init__(
        self,
        listener: socket.socket,
        reactor: Reactor,
        limits: DoorLimits,
        pipeline: Callable[[], Pipeline | None],
    ) -> None:
        """`pipeline`: that of the configuration in force."""
        self.listener = listener
        self._pipeline = pipeline
        self.doorway = Doorway(reactor, limits, self._serve)
        self.app = AsgiApp(reactor, limits, self.doorway.parser, self._serve)

    async def _serve(self, exchange: Exchange) -> None:
        pipeline = self._pipeline()
        assert pipeline is not None, "the port stays as long as the process"
        await pipeline.serve(exchange)
