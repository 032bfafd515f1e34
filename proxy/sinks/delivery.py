"""Brings records to one sink: in batches, again with growing pauses while it is away, and from the spill afterwards.

A batch is tried a few times; then it waits in the state file, and those after it go there at once, until one of them is
taken. Whatever the sink does costs its own records alone: a consumer has a bound, and a request waits for none.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import trio

from proxy.accounting.record import Record
from proxy.sinks.sink import Away, Nothing, Refused, Sink, Spill, Waiting, Wanted

log = logging.getLogger("sluice")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
TRIES = 3
"""Of a batch, before it waits in the spill: a restart behind a load balancer takes a second or two."""
LEASE_S = 120.0
"""A batch out of the spill is this worker's for so long: longer than it is tried."""
LOOK_S = 5.0
"""How often it is looked whether something waits in the spill: another worker's, or of a run before."""
LAST_S = 2.0
"""How long the end of the worker waits for a last try."""
TAKEN, LATER, NEVER = range(3)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Record]).decode


class Limits(msgspec.Struct, frozen=True):
    batch: int = 100
    """Records in one delivery."""
    linger_s: float = 1.0
    """How long it waits for more of them."""
    queue: int = 10_000
    """Records that wait in memory."""
    timeout_s: float = 10.0
    """One try."""


class Delivery:
    """An `accounting.bus.Consumer`. `run` is its second task, which empties the spill."""

    def __init__(
        self,
        sink: Sink,
        wanted: Wanted,
        limits: Limits,
        spill: Spill | None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance`: from 0 to 1."""
        self.name = sink.name
        self.limit, self.batch, self.linger_s = limits.queue, limits.batch, limits.linger_s
        self.sink = sink
        self._wanted = wanted
        self._timeout_s = limits.timeout_s
        self._spill = spill if sink.keeps else None
        self._chance = chance
        self._turn = trio.Lock()
        self._away = False
        self._in_a_row = 0
        """Tries that failed."""
        self._oldest_unix_s = math.inf
        """Of the batch in hand."""
        self.waiting: Waiting = Nothing()
        """In the spill, as far as was looked."""
        self.delivered = self.failures = self.refused = 0
        """Records that the sink has; tries that failed; records that it would not take."""

    @property
    def lag_s(self) -> float:
        """Age of the oldest record that the sink should have and has not."""
        kept = self.waiting.oldest_unix_s if self.waiting.batches else math.inf
        oldest = min(self._oldest_unix_s, kept)
        return 0.0 if oldest == math.inf else max(0.0, time.time() - oldest)

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        wanted = list(filter(self._wanted, records))
        if not wanted:
            return
        self._oldest_unix_s = _ended(wanted[0])
        kept = self._away and await self._keep(wanted)
        for tries in () if kept else itertools.count(1):
            async with self._turn:
                became, wait_s = await self._try(wanted)
            if became is not LATER or (tries >= TRIES and await self._keep(wanted)):
                break
            await trio.sleep(wait_s)
        self._oldest_unix_s = math.inf

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        """One last try, in a thread with a loop of its own; what is not taken then waits for the next start."""
        wanted = list(filter(self._wanted, records))
        if not wanted:
            return
        sent = threading.Event()
        if not self._away:
            last = threading.Thread(target=self._last_try, args=(wanted, sent), daemon=True)
            last.start()
            last.join(LAST_S)
        if not sent.is_set() and self._spill is not None:
            with suppress(OSError):
                self._spill.keep_now(self.name, _encode(wanted), _ended(wanted[0]))

    def _last_try(self, records: Sequence[Record], sent: threading.Event) -> None:
        async def once() -> None:
            with trio.move_on_after(LAST_S):
                await self.sink.send(records)
                self.delivered += len(records)
                sent.set()

        try:
            trio.run(once)
        except (Away, Refused) as problem:
            log.warning("sink %s: %s, at the last try", self.name, problem)

    async def run(self) -> None:
        """Until cancelled."""
        while self._spill is not None:
            await trio.sleep(LOOK_S * (0.5 + self._chance() / 2))
            with suppress(OSError):  # the state file's trouble, which it tells of itself
                await self._empty(self._spill)

    async def _empty(self, spill: Spill) -> None:
        await self._look(spill)
        while self.waiting.batches:
            kept = await spill.claim(self.name, time.time(), LEASE_S)
            if kept is None:
                return  # other workers have claimed all of them
            async with self._turn:
                became, wait_s = await self._try_kept(kept.records)
            await (spill.release(kept.id) if became is LATER else spill.done(kept.id))
            await self._look(spill)
            await trio.sleep(wait_s)

    async def _try_kept(self, encoded: bytes) -> tuple[int, float]:
        try:
            records = _decode(encoded)
        except msgspec.DecodeError as problem:
            return self._note_refused((), problem)
        return await self._try(records)

    async def _try(self, records: Sequence[Record]) -> tuple[int, float]:
        """What became of it, and how long to wait before the next."""
        problem: Exception | None = None
        asked_s: float | None = None
        with trio.move_on_after(self._timeout_s) as scope:
            try:
                await self.sink.send(records)
            except Away as away:
                problem, asked_s = away, away.retry_after_s
            except Refused as refused:
                return self._note_refused(records, refused)
        if scope.cancelled_caught:
            problem = Away(f"took longer than {self._timeout_s:g} s")
        if problem is None:
            return self._note_taken(records)
        self.failures += 1
        if not self.sink.keeps:
            return self._note_refused(records, problem)
        self._note_away(problem)
        longest_s = FIRST_PAUSE_S * 2 ** min(self._in_a_row, 10)
        pause_s = min(LONGEST_PAUSE_S, longest_s) * (0.5 + self._chance() / 2)
        return LATER, max(pause_s, min(asked_s or 0.0, LONGEST_PAUSE_S))

    def _note_taken(self, records: Sequence[Record]) -> tuple[int, float]:
        self.delivered += len(records)
        self._in_a_row = 0
        if self._away:
            self._away = False
            log.warning("sink %s takes records again", self.name)
        return TAKEN, 0.0

    def _note_refused(self, records: Sequence[Record], problem: Exception) -> tuple[int, float]:
        self.refused += len(records)
        log.warning("sink %s: %d records are lost: %s", self.name, len(records), problem)
        return NEVER, 0.0

    def _note_away(self, problem: Exception) -> None:
        self._in_a_row += 1
        if not self._away:
            self._away = True
            log.warning("sink %s is away: %s; its records wait", self.name, problem)

    async def _keep(self, records: Sequence[Record]) -> bool:
        """In the spill, so that memory is free for the next. False: there is none, or it takes nothing now."""
        if self._spill is None:
            return False
        try:
            await self._spill.keep(self.name, _encode(records), _ended(records[0]))
            await self._look(self._spill)
        except OSError:  # the state file's trouble, which it tells of itself
            return False
        return True

    async def _look(self, spill: Spill) -> None:
        self.waiting = await spill.waiting(self.name)


def _ended(record: Record) -> float:
    return record.started_unix_s + record.duration_s
