"""Takes the records off the hot path and hands them, in batches, to whoever makes something of them.

Each consumer has its own task, its own bound and its own count of what was dropped: a slow one costs its own records,
never another's, and never a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

import trio

from proxy.accounting.record import Record
from proxy.wire.walls import Wall

DEFAULT_FLUSH_S = 0.2
"""Soon enough to watch, seldom enough that a batch is one write."""
BATCH_RECORDS = 256
"""So many are handed on without waiting for more: they are still in the processor's cache then."""
INBOX_LIMIT = 50_000
"""Records taken while the bus's own task does not come round: ten seconds of a worker's best rate, in about 25 MB."""
PAUSE_S = 1.0
"""Before a consumer that raised gets its next batch: one that raises at once must not take the processor."""


class Records(Protocol):
    """Where the record of each request goes."""

    def record(self, record: Record) -> None: ...
    async def run(self) -> None:
        """The one task that they need; it may end."""

    def flush(self) -> None:
        """Once that task has ended."""


class _Unrecorded:
    """What is asked for about the gateway itself."""

    def record(self, record: Record) -> None: ...
    async def run(self) -> None: ...
    def flush(self) -> None: ...


UNRECORDED: Records = _Unrecorded()


class Consumer(Protocol):
    """Makes something of records, which it never changes: others have the same ones."""

    name: str
    """Few and fixed ones: it is a label of the metrics."""
    limit: int
    """Records that may wait for it; beyond that the oldest are dropped, and counted."""
    batch: int
    """Most records in one `take`: those that are worked on without waiting let other tasks have their turn then."""
    linger_s: float
    """Waits so long for more once some have come."""

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        """The next ones, of which none else is given meanwhile, however long it waits. `dropped`: those before them.

        What it raises costs it these records. If it is cancelled `finish` is given them again.
        """

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        """What is left at the end, when there are no tasks any more. It may block, for a while that it bounds."""


class Lane:
    """What waits for one consumer."""

    def __init__(self, consumer: Consumer, wall: Wall) -> None:
        self.consumer = consumer
        self._wall = wall
        self._queue: deque[Record] = deque(maxlen=consumer.limit)
        self._taken: list[Record] = []
        """Being worked on; once more at the end, if that cut it off."""
        self._come = trio.Event()
        self._untold = 0
        self.dropped = 0
        """Records that the consumer never had, or failed at, since the start."""

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._taken)

    def put(self, records: Sequence[Record]) -> None:
        queue = self._queue
        beyond = len(queue) + len(records) - self.consumer.limit
        if beyond > 0:
            self._drop(beyond)
        queue.extend(records)
        self._come.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._come.wait()
            if self.consumer.linger_s:
                await trio.sleep(self.consumer.linger_s)
            self._come = trio.Event()
            while self._queue:
                await self._hand_on()
                await trio.lowlevel.checkpoint()

    async def _hand_on(self) -> None:
        self._take(self.consumer.batch)
        untold = self._untold
        with self._wall.around(lambda: self.consumer.name):
            await self.consumer.take(self._taken, untold)
            self._taken = []
            self._untold -= untold
            return
        self._drop(len(self._taken))
        self._taken = []
        await trio.sleep(PAUSE_S)

    def _take(self, most: int) -> None:
        queue = self._queue
        if len(queue) <= most:
            self._taken += queue
            queue.clear()
        else:
            self._taken += [queue.popleft() for _ in range(most)]

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._untold += count

    def finish(self) -> None:
        """Once `run` has ended."""
        self._take(len(self._queue))
        with self._wall.around(lambda: self.consumer.name):
            self.consumer.finish(self._taken, self._untold)
            self._taken, self._untold = [], 0
            return
        self._drop(len(self._taken))
        self._taken = []


class Bus:
    """`record()` on the hot path; `run()` is the one task; `flush()` once that task has ended."""

    def __init__(self, consumers: Sequence[Consumer], flush_s: float = DEFAULT_FLUSH_S) -> None:
        wall = Wall("consumer of records")
        self.lanes = tuple(Lane(consumer, wall) for consumer in consumers)
        self._flush_s = flush_s
        self._inbox: list[Record] = []
        self._enough = trio.Event()
        """A batch has come."""
        self._refused = 0

    @property
    def dropped(self) -> dict[str, int]:
        """Records that each consumer never had, or failed at, since the start."""
        return {lane.consumer.name: lane.dropped + self._refused for lane in self.lanes}

    def record(self, record: Record) -> None:
        """HOT. Takes the record, which is whole: nobody changes it from here on."""
        inbox = self._inbox
        inbox.append(record)
        if len(inbox) >= BATCH_RECORDS:
            self._press()

    def _press(self) -> None:
        if len(self._inbox) > INBOX_LIMIT:
            self._inbox.pop()
            self._refused += 1
        self._enough.set()

    async def run(self) -> None:
        """Hands on what has come, every `flush_s` and batch by batch, until cancelled."""
        async with trio.open_nursery() as nursery:
            for lane in self.lanes:
                nursery.start_soon(lane.run)
            while True:
                with trio.move_on_after(self._flush_s):
                    await self._enough.wait()
                self._enough = trio.Event()
                self._spread()

    def _spread(self) -> None:
        records, self._inbox = self._inbox, []
        if records:
            for lane in self.lanes:
                lane.put(records)

    def flush(self) -> None:
        """Each consumer finishes. Blocks as long as they do."""
        self._spread()
        for lane in self.lanes:
            lane.finish()
