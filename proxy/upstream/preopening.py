"""Connections opened ahead of need: a burst such as there was lately finds its handshakes done.

How many: as many as were missing at once, within the last minute or so, when requests found no idle connection.
"""

from __future__ import annotations

import logging
import math
from typing import NoReturn

import trio

from proxy.errors import UpstreamFailure
from proxy.upstream.connecting import Connector
from proxy.upstream.destination import Endpoint
from proxy.upstream.pool import ConnectionPool
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

log = logging.getLogger("sluice")

PERIOD_S = 1.0
"""What is missing within so long, is missing at once."""
FADES = 0.95
"""Of a peak, each period: of 64, one is left after a minute and a half."""
LIMIT_S = 5.0
"""Of one connection: an upstream that takes longer is left alone."""
AT_ONCE = 8
"""Handshakes under way: a few milliseconds of a core."""
MAX_ENDPOINTS = 1024
"""Whose peaks are remembered; of more, the oldest is forgotten."""


class Demand:
    """How many connections were missing, by endpoint. Pure."""

    def __init__(self) -> None:
        self._missing: dict[Endpoint, int] = {}
        self._peaks: dict[Endpoint, float] = {}

    def missed(self, endpoint: Endpoint) -> None:
        """A request found none, and had one made."""
        self._missing[endpoint] = self._missing.get(endpoint, 0) + 1

    def peaks(self) -> list[tuple[Endpoint, int]]:
        """Once a period: how many each may want again soon."""
        for endpoint in self._peaks:
            self._peaks[endpoint] *= FADES
        for endpoint, count in self._missing.items():
            self._peaks[endpoint] = max(self._peaks.pop(endpoint, 0.0), count)
        self._missing.clear()
        self._peaks = {endpoint: peak for endpoint, peak in self._peaks.items() if peak >= 1.0}
        while len(self._peaks) > MAX_ENDPOINTS:
            del self._peaks[next(iter(self._peaks))]
        return [(endpoint, math.floor(peak)) for endpoint, peak in self._peaks.items()]

    def leave_alone(self, endpoint: Endpoint) -> None:
        """Until it is asked for again."""
        self._peaks.pop(endpoint, None)


class Preopener:
    """One per worker: `run` is its task."""

    def __init__(self, reactor: Reactor, pool: ConnectionPool, connector: Connector, most: int) -> None:
        """`most`: idle connections per endpoint that are opened unasked; 0: none."""
        self._reactor = reactor
        self._pool = pool
        self.connector = connector
        self._turns = trio.CapacityLimiter(AT_ONCE)
        self.most = most
        self.demand = Demand()
        self.opened = 0

    async def run(self) -> NoReturn:
        """Until cancelled."""
        self._pool.on_made = self.demand.missed
        while True:
            await trio.sleep(PERIOD_S)
            async with trio.open_nursery() as nursery:
                for endpoint, peak in self.demand.peaks():
                    for _ in range(min(peak, self.most) - self._pool.idle_at(endpoint)):
                        nursery.start_soon(self._open, endpoint)

    async def _open(self, endpoint: Endpoint) -> None:
        parking = Parking(self._reactor)
        async with self._turns:
            try:
                self._pool.stock(await self.connector.connect(parking, endpoint, LIMIT_S))
                self.opened += 1
            except (UpstreamFailure, ClientGone) as error:
                self.demand.leave_alone(endpoint)  # the next request will see for itself
                log.debug("%s: nothing could be opened ahead: %s", endpoint, error)
            finally:
                parking.close()
