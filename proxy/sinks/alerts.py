"""Budgets' events on their way to the webhook: a consumer of records, and whom soft budgets are told to."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import trio

from proxy.accounting.record import Record
from proxy.sinks.delivery import FIRST_PAUSE_S, LONGEST_PAUSE_S
from proxy.sinks.events import EXCEEDED, BudgetEvent, KeyEvent, event_of
from proxy.sinks.sink import Away, Refused

log = logging.getLogger("sluice")

WAITING = 1_000
"""Events; beyond that the oldest are dropped: a webhook that is away so long has missed the moment."""
AGAIN_S = 3_600.0
"""So often the same caller's refusals are told of."""
TOLD = 10_000
"""Callers remembered for that; the first told is forgotten first."""
TRY_S = 10.0


@runtime_checkable
class Hears(Protocol):
    async def tell(self, event: BudgetEvent | KeyEvent) -> None:
        """Raises Away, Refused."""


class Alerts:
    """An `accounting.bus.Consumer`. `run` is its second task."""

    name = "alerts"
    limit = 10_000
    batch = 256
    linger_s = 0.0

    def __init__(self, hears: Hears, chance: Callable[[], float] = random.random) -> None:
        self._hears = hears
        self._chance = chance
        self._waiting: deque[BudgetEvent] = deque(maxlen=WAITING)
        self._come = trio.Event()
        self._told: dict[tuple[str | None, ...], float] = {}

    def tell(self, event: BudgetEvent) -> None:
        self._waiting.append(event)
        self._come.set()

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        for record in records:
            if record.error == "budget_exceeded" and self._is_news(record):
                self.tell(event_of(EXCEEDED, record))

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        """Whom the end cuts off is told with the next refusal."""

    def _is_news(self, record: Record) -> bool:
        who, now = (record.key, record.user, record.team, record.customer), record.started_unix_s
        if now - self._told.get(who, -AGAIN_S) < AGAIN_S:
            return False
        self._told.pop(who, None)
        if len(self._told) >= TOLD:
            del self._told[next(iter(self._told))]
        self._told[who] = now
        return True

    async def run(self) -> None:
        """Until cancelled."""
        tries = 0
        while True:
            while not self._waiting:
                await self._come.wait()
                self._come = trio.Event()
            event = self._waiting[0]
            if await self._took(event):
                tries = 0
                if self._waiting and self._waiting[0] is event:
                    self._waiting.popleft()
                continue
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(tries, 10))
            tries += 1
            await trio.sleep(pause_s * (0.5 + self._chance() / 2))

    async def _took(self, event: BudgetEvent) -> bool:
        with trio.move_on_after(TRY_S):
            try:
                await self._hears.tell(event)
            except Away:
                return False
            except Refused as refused:
                log.warning("sink webhook: an event is lost: %s", refused)
            return True
        return False
