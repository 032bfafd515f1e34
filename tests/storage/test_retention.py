"""What is old goes, by age and by size; sums stay."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest
import trio

from proxy.storage import retention
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows, RowLimits
from proxy.storage.retention import Retention, RetentionLimits
from tests.storage.making import DAY_S, NOON, record


async def fill(state: StateFile, count: int, started_unix_s: float) -> None:
    rows = RecordRows(state, RowLimits(flush_s=0))
    await rows.take([record(started_unix_s=started_unix_s) for _ in range(count)], 0)


async def left(state: StateFile, table: str = "records") -> int:
    def count(connection: sqlite3.Connection) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return await state.read(count)


async def tidy(state: StateFile, limits: RetentionLimits, now: float) -> int:
    """Until nothing is to be done; how many steps did something."""
    worker = Retention(limits, state)
    steps = 0
    while await state.write(partial(worker.step, now)):
        steps += 1
    return steps


async def test_records_go_when_they_are_too_old_and_sums_stay(state: StateFile) -> None:
    await fill(state, 5_000, NOON)
    await fill(state, 100, NOON + 10 * DAY_S)
    limits = RetentionLimits(records_s=5 * DAY_S)
    assert await tidy(state, limits, NOON + 4 * DAY_S) == 0
    assert await tidy(state, limits, NOON + 12 * DAY_S) == 3
    assert await left(state) == 100
    assert await left(state, "days") == 2


async def test_sums_go_by_their_day(state: StateFile) -> None:
    await fill(state, 1, NOON)
    await fill(state, 1, NOON + 10 * DAY_S)
    await tidy(state, RetentionLimits(days=5), NOON + 12 * DAY_S)
    assert await left(state, "days") == 1


async def test_the_oldest_go_when_the_file_is_too_large(state: StateFile, path: Path) -> None:
    await fill(state, 20_000, NOON)
    size = 3_000_000
    assert (await trio.Path(path).stat()).st_size > size
    await tidy(state, RetentionLimits(size_bytes=size), NOON + 60)
    assert 0 < await left(state) < 10_000
    state.close()
    assert (await trio.Path(path).stat()).st_size <= size + retention.STEP_ROWS * 500


async def test_one_worker_of_all_does_it(state: StateFile) -> None:
    await fill(state, 10, NOON)
    limits = RetentionLimits(records_s=DAY_S)
    later = NOON + 2 * DAY_S
    assert await tidy(state, limits, later) == 1
    await fill(state, 10, NOON)
    assert await tidy(state, limits, later + 1) == 0, "somebody has just looked"
    assert await tidy(state, limits, later + 60) == 1


@pytest.mark.parametrize("shift_s", [-1_000_000, 31])
async def test_a_clock_that_was_set_stops_nothing(state: StateFile, shift_s: float) -> None:
    await fill(state, 10, NOON - 50 * DAY_S)
    limits = RetentionLimits(records_s=DAY_S)
    await tidy(state, RetentionLimits(), NOON)
    assert await tidy(state, limits, NOON + shift_s) == 1
