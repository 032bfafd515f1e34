"""A sign of life for a stream's client while it hears nothing, so that load balancers do not cut.

Its price, before the answer: the head is the gateway's own, 200, before any upstream has answered; what fails after
that is told in an error event. https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""

from __future__ import annotations

import trio

from proxy.gateway.exchange import Exchange
from proxy.gateway.telling.ends import streams
from proxy.wire.response_head import ResponseHead

LOOKS = 4
"""In each period: so much of it a comment may be late. Events themselves move no timer."""
_PLAIN = frozenset((b"", b"identity"))


class KeepAlive:
    """Runs beside the attempts and the relay, in the request's scope."""

    def __init__(self, exchange: Exchange, period_s: float, lines: bytes) -> None:
        """`lines`: header lines of the head that it may have to begin."""
        self._exchange = exchange
        self._period_s = period_s
        self._lines = lines
        self._over = False

    async def run(self) -> None:
        exchange, seen_bytes, quiet_looks = self._exchange, 0, 0
        while True:
            await trio.sleep(self._period_s / LOOKS)
            if self._over or exchange.parking.gone:
                return
            quiet_looks = quiet_looks + 1 if exchange.told_bytes == seen_bytes else 0
            if quiet_looks == LOOKS:
                await exchange.keep_alive(self._lines)
                quiet_looks = 0
            seen_bytes = exchange.told_bytes

    def answered(self, head: ResponseHead) -> None:
        """This is what is passed on: where it is no stream that can be read, nothing fits into it."""
        self._over = self._over or not streams(head) or head.content_encoding not in _PLAIN

    def stop(self) -> None:
        self._over = True
