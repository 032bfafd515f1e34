"""Spend between the shared memory and a real state file: loaded, written, inherited, corrected."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from proxy.accounting.record import Record
from proxy.errors import GatewayError
from proxy.limits.ledger import Ledger, Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Rule
from proxy.process.limits import SharedLimits
from proxy.storage import spend
from proxy.storage.file import StateFile
from proxy.types import Cost
from proxy.worker.spending import Spending

KEY = "k"
RULE = Rule(subject("key", KEY), "key", "key `k`", budget=1_000, soft=500)
ENDED = 1_800_000_000.0
NOW = 100.0


def record(number: int, nano: int) -> Record:
    return Record(
        call_id=str(number),
        started_unix_s=ENDED,
        method="POST",
        route="/v1/chat/completions",
        key=KEY,
        cost=Cost(nano),
    )


class Worker:
    """One worker's spending, and the file that it writes."""

    def __init__(self, ledger: Ledger, state: StateFile, number: int) -> None:
        self.ledger = ledger
        self.state = state
        self.spending = Spending(ledger, state, lambda: NOW, number)
        self.rows = spend.SpendRows(self.spending.moved)

    def spends(self, number: int, nano: int, rule: Rule = RULE) -> Record:
        reservation = self.ledger.reserve([rule], Demand(most=nano), NOW)
        assert isinstance(reservation, Reservation), reservation
        paid = record(number, nano)
        self.spending.settled(paid, self.ledger.settle(reservation, 0, nano, ENDED, NOW))
        return paid

    async def writes(self, records: Sequence[Record]) -> None:
        await self.state.write(lambda connection: self.rows.write(connection, records))

    def spent(self) -> int | None:
        return self.ledger.spent(RULE.subject, 0)


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[list[Worker]]:
    shared = SharedLimits(100, 2)
    files = [StateFile(tmp_path / "sluice.db") for _ in range(2)]
    yield [Worker(shared.of(number), file, number) for number, file in enumerate(files, 1)]
    for file in files:
        file.close()


async def in_file(worker: Worker) -> int:
    return await worker.state.read(partial(spend.spent, subject=RULE.subject))


async def test_what_the_file_says_is_where_counting_begins(workers: list[Worker]) -> None:
    one, other = workers
    await one.writes([record(0, 300)])
    assert await other.spending.spent("key", KEY) == 300, "nobody has asked for it yet"
    assert await other.spending.load((RULE,))
    paid = one.spends(1, 70)
    assert (one.spent(), await in_file(one)) == (370, 300)
    assert await other.spending.spent("key", KEY) == 370, "the other's, before it is written"
    await one.writes([paid])
    assert (other.spent(), await in_file(one)) == (370, 370)
    assert one.ledger.orphans(1) == []


async def test_a_write_that_failed_is_tried_again_and_counts_once(workers: list[Worker]) -> None:
    one = workers[0]
    await one.spending.load((RULE,))
    paid = one.spends(1, 70)

    def breaks(connection: sqlite3.Connection) -> None:
        one.rows.write(connection, [paid])
        raise sqlite3.IntegrityError("as if the disk were full")

    with pytest.raises(sqlite3.IntegrityError):
        await one.state.write(breaks)
    assert (one.spent(), await in_file(one)) == (70, 0)
    await one.writes([paid])
    assert (one.spent(), await in_file(one)) == (70, 70)


async def test_who_takes_a_dead_workers_place_counts_what_was_written(workers: list[Worker]) -> None:
    """Whether or not its memory knew that it was."""
    one, other = workers
    await one.spending.load((RULE,))
    written, committed, lost = one.spends(1, 10), one.spends(2, 20), one.spends(3, 40)
    await one.writes([written])
    await other.state.write(lambda connection: spend.add(connection, spend.spent_by([committed])))
    alive = other.spends(4, 100)
    assert one.spent() == 170
    other.ledger.give_back(1)
    successor = Worker(one.ledger, one.state, 1)
    await successor.spending.inherit()
    assert successor.spent() == 130, "without the 40 of which there is no record"
    await other.writes([alive])
    assert (successor.spent(), await in_file(other)) == (130, 130)
    del lost


async def test_what_is_corrected_in_the_file_holds_soon(workers: list[Worker]) -> None:
    one, other = workers
    await one.spending.load((RULE,))
    paid = one.spends(1, 70)
    await other.state.write(
        lambda connection: spend.correct(connection, RULE.subject, nano=500, since_unix_s=0, now_unix_s=ENDED)
    )
    for worker in workers:
        await worker.spending.compare()
    assert one.spent() == 570
    await one.writes([paid])
    assert (one.spent(), await in_file(one)) == (570, 570)


async def test_a_soft_budget_is_told_of_once(workers: list[Worker]) -> None:
    one, other = workers
    told: list[tuple[str, int]] = []
    for worker in workers:
        worker.spending.on_soft_budget(lambda paid, _rule, spent: told.append((paid.call_id, spent)))
    await one.spending.load((RULE,))
    one.spends(1, 499)
    other.spends(2, 1)
    one.spends(3, 100)
    assert told == [("2", 500)]


async def test_a_file_that_cannot_be_read_is_no_free_pass(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    path.write_bytes(b"no database at all, and longer than the head of one" * 10)
    ledger = SharedLimits(100).of(1)
    spending = Spending(ledger, StateFile(path), lambda: NOW)
    with pytest.raises(GatewayError) as caught:
        await spending.load((RULE,))
    assert (caught.value.status, caught.value.code) == (503, "state_unusable")
    assert ledger.spent(RULE.subject, 0) is None


async def test_without_a_file_memory_is_all_there_is() -> None:
    ledger = SharedLimits(100).of(1)
    spending = Spending(ledger, None, lambda: NOW)
    assert await spending.load((RULE,))
    reservation = ledger.reserve([RULE], Demand(), NOW)
    assert isinstance(reservation, Reservation)
    spending.settled(record(1, 70), ledger.settle(reservation, 0, 70, ENDED, NOW))
    assert await spending.spent("key", KEY) == 70
    assert ledger.orphans(1) == []
