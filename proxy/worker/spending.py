"""What everybody has spent, between the memory that all workers share and the state file that outlives them.

A request's cost is counted in memory when it is over, and written with its record soon after; only then it counts as
written. A worker that died leaves what its records may not have told: the file's word holds.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from proxy.accounting.record import Record
from proxy.errors import state_unusable
from proxy.limits.ledger import Charge, Ledger
from proxy.limits.subjects import Kind, subject
from proxy.limits.values import Rule, Standing
from proxy.storage import spend
from proxy.storage.file import StateFile
from proxy.storage.problems import StateError

log = logging.getLogger("sluice")

COMPARE_S = 5.0
"""Between two comparisons of the memory with the file: what another program corrected there holds by then."""
AT_ONCE = 200
"""Subjects compared in one transaction: others who write wait for some milliseconds."""
FOLD_S = 3_600.0
MAX_UNWRITTEN = 200_000
"""Charges whose records are on their way: more than all queues of records hold. The oldest is let go of: it stays
counted as not written yet, until the next start."""
SoftBudget = Callable[[Record, Rule, int], None]


class Spending:
    """One worker's, for its life: a `gateway.accounts.Spending`."""

    def __init__(
        self,
        ledger: Ledger,
        state: StateFile | None,
        clock: Callable[[], float],
        worker: int = 1,
    ) -> None:
        self.ledger = self._ledger = ledger
        self._state = state
        self._worker = worker
        self._clock = clock
        self._unwritten: dict[str, Charge] = {}
        self._on_soft_budget: list[SoftBudget] = [_tell]

    def on_soft_budget(self, tell: SoftBudget) -> None:
        """`tell`: is given the record that went beyond one, whose it is, and what is spent by now; once in a period."""
        self._on_soft_budget.append(tell)

    async def load(self, rules: tuple[Rule, ...]) -> bool:
        """Raises GatewayError 503."""
        now = self._clock()
        if self._state is None:
            return all(self._ledger.load(rule, 0, now) for rule in rules)

        def load(connection: sqlite3.Connection) -> bool:
            found = [(rule, spend.spent(connection, rule.subject, rule.start)) for rule in rules]
            return all(self._ledger.load(rule, nano, now) for rule, nano in found)

        with suppress(StateError):  # nobody else writes meanwhile
            return await self._state.write(load) is True
        try:
            return await self._state.read(load)
        except StateError as error:
            raise state_unusable() from error

    def settled(self, record: Record, charge: Charge) -> None:
        """HOT."""
        if charge.rows:
            if self._state is None:
                self._ledger.written((charge,))
            else:
                self._keep(record.call_id, charge)
        for rule, spent in charge.passed:
            for tell in self._on_soft_budget:
                tell(record, rule, spent)

    def _keep(self, call_id: str, charge: Charge) -> None:
        if len(self._unwritten) >= MAX_UNWRITTEN:
            del self._unwritten[next(iter(self._unwritten))]
        self._unwritten[call_id] = charge

    def moved(self, records: Sequence[Record]) -> None:
        """They are being written, in the state file's thread: from now on their cost is the file's to tell."""
        unwritten = self._unwritten
        if unwritten:
            found = (unwritten.pop(record.call_id, None) for record in records)
            self._ledger.written([charge for charge in found if charge is not None])

    async def inherit(self) -> None:
        """What a worker before this one, in its place, had settled counts as far as it was written. Before the first
        request."""
        state, worker = self._state, self._worker
        orphans = self._ledger.orphans(worker)
        if not orphans or state is None:
            return

        def adopt(connection: sqlite3.Connection) -> None:
            for whose, _, start in orphans:
                self._ledger.adopt(whose, start, spend.spent(connection, whose, start), worker)

        with suppress(StateError):  # counted as spent until the file tells
            await state.write(adopt)

    async def run(self) -> None:
        """Compares, and folds old rows. Until cancelled."""
        state = self._state
        fold_at = self._clock() + FOLD_S
        while state is not None:
            await trio.sleep(COMPARE_S)
            with suppress(StateError):  # told by the state file
                await self.compare()
                if self._clock() >= fold_at:
                    fold_at = self._clock() + FOLD_S
                    await state.write(_fold)

    async def compare(self) -> None:
        """Each worker its share: those who came when the file did not have all yet, or whose sums were corrected.

        Raises StateError.
        """
        ledger, state = self._ledger, self._state
        if state is None:
            return
        mine = [
            row for row in ledger.spending(self._clock()) if row[0][0] % ledger.workers == self._worker - 1
        ]
        for begin in range(0, len(mine), AT_ONCE):
            part = mine[begin : begin + AT_ONCE]

            def compare(
                connection: sqlite3.Connection, part: Sequence[tuple[bytes, int, int]] = part
            ) -> None:
                for whose, kind, start in part:
                    ledger.compare(whose, kind, start, spend.spent(connection, whose, start))

            await state.write(compare)

    def standing(self, rule: Rule) -> Standing | None:
        """None: nobody has asked for it of late; the state file knows."""
        return self._ledger.standing(rule, self._clock())

    async def spent(self, kind: Kind, name: str, since_unix_s: float = 0.0, model: str | None = None) -> int:
        """Nano-dollars since a period began: what refusals go by. Raises StateError."""
        whose = subject(kind, name, model=model)
        counted = self._ledger.spent(whose, int(since_unix_s))
        if counted is not None or self._state is None:
            return counted or 0

        def read(connection: sqlite3.Connection) -> int:
            return spend.spent(connection, whose, since_unix_s)

        return await self._state.read(read)


def _fold(connection: sqlite3.Connection) -> None:
    spend.fold(connection, time.time())


def _tell(record: Record, rule: Rule, spent: int) -> None:
    log.warning(
        "call %s: %s has spent %.6f $, beyond its soft budget of %.6f $",
        record.call_id,
        rule.shown,
        spent / 1e9,
        (rule.soft or 0) / 1e9,
    )
