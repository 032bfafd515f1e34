"""A sign of life for a stream's client while nothing has come for it, so that load balancers do not cut.

Its price: the answer's head is the gateway's own, 200, before any upstream has answered; what fails after that is told
in an error event. https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""

from __future__ import annotations

import trio

from proxy.gateway.exchange import Exchange


class KeepAlive:
    """Runs beside the attempts, in the request's scope."""

    def __init__(self, exchange: Exchange, period_s: float, lines: bytes) -> None:
        """`lines`: header lines of the head that it may have to begin."""
        self._exchange = exchange
        self._period_s = period_s
        self._lines = lines
        self._over = False

    async def run(self) -> None:
        while True:
            await trio.sleep(self._period_s)
            if self._over or self._exchange.parking.gone:
                return
            await self._exchange.keep_alive(self._lines)

    def stop(self) -> None:
        """The answer begins: what is silent now is the upstream's own stream."""
        self._over = True
