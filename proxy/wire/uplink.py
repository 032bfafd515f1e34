"""The way of a request to an upstream, which may answer before it has all of it.

An early answer (413, then it reads no more) is the answer: who goes on writing waits for a peer that has gone.
"""

from __future__ import annotations

import math
import time

from proxy.wire.framing import Framing
from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.pump import Pump


class Answered(Exception):  # noqa: N818 - a fact, not an error
    """The upstream spoke, or closed, before it had the whole request: what it said is there to be read."""


class Uplink:
    """Every writer towards an upstream goes by it, and looks for the answer whenever it has waited."""

    __slots__ = ("_write_s", "link", "until")

    def __init__(self, link: Link, write_s: float, until: float = math.inf) -> None:
        """`write_s`: how long the upstream may take nothing; `until`: monotonic seconds, the request's own end."""
        self.link = link
        self.until = until
        self._write_s = write_s

    def look(self) -> None:
        """Raises Answered once there is something to be read."""
        if self.link.spoke():
            raise Answered

    async def write(self, data: bytes | memoryview) -> None:
        """All of it. Raises Answered, Late when the upstream takes nothing, ClientGone."""
        self.look()
        sent = self._put(data)
        await self.finish(memoryview(data)[sent:])

    async def finish(self, rest: memoryview) -> None:
        """What a first send has left over. Raises as `write` does."""
        parking = self.link.parking
        assert parking is not None, "a pooled link has no writer"
        deadline = self._deadline()
        while rest:
            if parking.gone:
                raise ClientGone
            await parking.park(deadline)
            self.look()
            if sent := self._put(rest):
                rest = rest[sent:]
                deadline = self._deadline()

    def pump(self, source: Link, framing: Framing, gap_s: float) -> Pump:
        """What moves a framed body from `source` while the task sleeps; an answer stops it."""
        pump = Pump(source, self.link, framing, None, gap_s, self._write_s, self.until)
        pump.sink_may_speak = False
        return pump

    def _put(self, data: bytes | memoryview) -> int:
        try:
            return self.link.send(data)
        except OSError as error:
            # It may have answered before it closed its reading side.
            raise Answered from error

    def _deadline(self) -> float:
        return min(time.monotonic() + self._write_s, self.until)
