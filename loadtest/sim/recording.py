"""The recorder's place in the simulation: each record, with the connection whose request it is of."""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar

import trio

from loadtest.sim.clock import VirtualClock
from loadtest.sim.sockets import End
from loadtest.sim.story import Chronicle, Recorded
from proxy.accounting.record import Record
from proxy.accounting.recorder import Recorder

connection: ContextVar[End] = ContextVar("connection")
"""The client's, in all tasks that serve it."""


class KeptRecords(Recorder):
    """The nth record of a connection is of its nth request."""

    def __init__(self, clock: VirtualClock, story: Chronicle) -> None:
        super().__init__(lambda _: None, "off")
        self._clock = clock
        self._story = story
        self._counts: Counter[End] = Counter()

    def record(self, record: Record) -> None:
        end = connection.get()
        recorded = Recorded(self._clock.now, end, self._counts[end], record)
        self._counts[end] += 1
        self._story.records.append(recorded)
        self._story.tell(
            "record", f"{end.name}#{recorded.nth} {record.outcome.value} {record.status} {record.error}"
        )

    async def run(self) -> None:  # type: ignore[override]
        await trio.sleep_forever()

    def flush(self, patience_s: float = 0.0) -> None:
        """Nothing waits."""
