"""The recorder's place in the simulation: each record, with the connection whose request it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

import trio

from loadtest.sim.clock import VirtualClock
from loadtest.sim.sockets import End
from loadtest.sim.story import Chronicle, Recorded
from proxy.accounting.record import Record
from proxy.edge.http1 import Doorway
from proxy.gateway.exchange import Exchange

Serve = Callable[[Exchange], Awaitable[None]]


class KeptRecords:
    """The nth record of a connection is of its nth request."""

    def __init__(self, clock: VirtualClock, story: Chronicle) -> None:
        self._clock = clock
        self._story = story
        self._counts: Counter[End] = Counter()
        self._new: list[Record] = []

    def record(self, record: Record) -> None:
        self._new.append(record)

    def of(self, end: End) -> None:
        """What was recorded since is of this connection: a request's record is the last thing made for it."""
        new, self._new = self._new, []
        for record in new:
            recorded = Recorded(self._clock.now, end, self._counts[end], record)
            self._counts[end] += 1
            self._story.records.append(recorded)
            what = f"{record.outcome.value} {record.status} {record.error}"
            self._story.tell("record", f"{end.name}#{recorded.nth} {what}")

    async def run(self) -> None:
        await trio.sleep_forever()

    def flush(self) -> None:
        """Nothing waits."""


def observed(doorway: Doorway, records: KeptRecords) -> Serve:
    """The doorway's own way to serve, followed by a look at what it recorded."""
    serve = doorway.serve

    async def serve_and_look(exchange: Exchange) -> None:
        link = next(each.link for each in doorway.connections if each.parking is exchange.parking)
        try:
            await serve(exchange)
        finally:
            records.of(cast(End, link.sock))

    return serve_and_look
