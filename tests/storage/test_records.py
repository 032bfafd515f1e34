"""Records as rows, and what they add up to: whole, exactly once, whatever happens to the file or the process."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from proxy.accounting.bus import Bus
from proxy.accounting.record import Record
from proxy.storage.file import StateFile, StateLimits
from proxy.storage.records import RecordRows, RowLimits, call_bytes
from proxy.storage.rollups import FIGURES
from proxy.types import Outcome, Usage
from tests.storage.making import DEPLOYMENT, NOON, cost, record

SOON_S = 20.0


@pytest.fixture
def rows(state: StateFile) -> RecordRows:
    made = RecordRows(state, RowLimits(flush_s=0.001))
    made.watch({"d1": DEPLOYMENT}.get, lambda route: route == "/health")
    return made


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def sums(path: Path, table: str, by: str = "1") -> dict[object, dict[str, int]]:
    names = [
        name for (name,) in ask(path, f"SELECT name FROM pragma_table_info('{table}')") if name in FIGURES
    ]
    columns = ", ".join(f"sum({name})" for name in names)
    found = ask(
        path,
        f"SELECT {by}, {columns} FROM {table} JOIN callers ON callers.id = caller GROUP BY 1",
    )
    return {key: dict(zip(names, figures, strict=True)) for key, *figures in found}  # type: ignore[arg-type]


async def test_a_row_has_what_the_record_said(path: Path, rows: RecordRows) -> None:
    one = record(customer="c1", tags=("a", "b"), error="why", status=502, outcome=Outcome.UPSTREAM_ERROR)
    await rows.take([one], 0)
    ((caller, model, *rest),) = ask(
        path,
        "SELECT caller, model, call_id, ended_ms, duration_ms, first_byte_ms, customer, tags, method, route, status,"
        " outcome, error, attempts, spend FROM requests",
    )
    assert ask(path, f"SELECT name, key, alias, user, team FROM callers WHERE id = {caller}") == [
        ("ci", "k1", "ci", "u1", "t1")
    ]
    assert ask(path, f"SELECT name, model, provider, deployment FROM models WHERE id = {model}") == [
        ("gpt-4o", "gpt-4o-2024", "openai", "d1")
    ]
    assert rest == [
        call_bytes(one.call_id), int((NOON + 1) * 1000), 1000.0, 250.0, "c1", '["a","b"]', "POST", "/chat/completions",
        502, "upstream_error", "why", 1, 1000,
    ]  # fmt: skip
    ((usage, paid),) = ask(path, "SELECT usage, cost FROM requests")
    assert json.loads(str(usage)) == {
        "input_tokens": 10, "output_tokens": 20, "total_tokens": 30, "cached_tokens": 4,
    }  # fmt: skip
    assert json.loads(str(paid))["total"] == 1000


async def test_days_add_up(path: Path, rows: RecordRows) -> None:
    await rows.take(
        [
            record(),
            record(cost=cost(500), key="k2", key_alias="other"),
            record(cost=None),
            record(usage=None, cost=None, outcome=Outcome.UPSTREAM_ERROR, status=500),
            record(outcome=Outcome.CLIENT_GONE, estimated=True),
            record(started_unix_s=NOON + 86_400),
        ],
        0,
    )
    found = sums(path, "days", "day")
    assert found.keys() == {20_000, 20_001}
    assert found[20_000] == {
        "requests": 5, "failures": 1, "unpriced": 1, "estimated": 1, "duration_ms": 5_000, "input_tokens": 40,
        "output_tokens": 80, "cached_tokens": 16, "cache_write_tokens": 0, "reasoning_tokens": 0, "spend": 2_500,
        "spend_input": 1_250, "spend_cached": 0, "spend_cache_write": 0, "spend_output": 1_250, "spend_other": 0,
        "saved": 0,
    }  # fmt: skip
    assert {key: one["spend"] for key, one in sums(path, "days", "key").items()} == {"k1": 3_000, "k2": 500}


async def test_days_are_utc_and_of_the_end(path: Path, rows: RecordRows) -> None:
    midnight = 20_001 * 86_400
    await rows.take(
        [
            record(started_unix_s=midnight - 2, duration_s=1),
            record(started_unix_s=midnight - 2, duration_s=3),
        ],
        0,
    )
    assert {day: one["requests"] for day, one in sums(path, "days", "day").items()} == {20_000: 1, 20_001: 1}


async def test_a_request_counts_for_each_of_its_tags_once(path: Path, rows: RecordRows) -> None:
    await rows.take([record(tags=("a", "b", "a")), record(tags=("a",)), record()], 0)
    assert {tag: one["spend"] for tag, one in sums(path, "tag_days", "tag").items()} == {
        "a": 2_000,
        "b": 1_000,
    }
    assert sums(path, "days")[1]["spend"] == 3_000


async def test_customers_add_up(path: Path, rows: RecordRows) -> None:
    await rows.take([record(customer="c1"), record(customer="c1"), record(customer="c2"), record()], 0)
    found = {customer: one["requests"] for customer, one in sums(path, "customer_days", "customer").items()}
    assert found == {"c1": 2, "c2": 1}


async def test_pages_and_strangers_have_no_row(path: Path, rows: RecordRows) -> None:
    nobody = {"deployment_id": None, "attempts": 0, "usage": None, "cost": None}
    page = record(route="/health", **nobody)
    stranger = record(caller=None, key=None, status=401, outcome=Outcome.CLIENT_ERROR, **nobody)
    refused = record(status=429, outcome=Outcome.CLIENT_ERROR, error="rate_limited", **nobody)
    await rows.take([page, stranger, refused], 0)
    assert ask(path, "SELECT status, error FROM requests") == [(429, "rate_limited")]
    assert sums(path, "days")[1]["failures"] == 1


async def test_batches_of_every_size_are_whole(path: Path, rows: RecordRows) -> None:
    sizes = (1, 7, 8, 9, 63, 64, 65, 200)
    for size in sizes:
        await rows.take([record() for _ in range(size)], 0)
    assert ask(path, "SELECT count(*), sum(spend) FROM records") == [(sum(sizes), 1_000 * sum(sizes))]
    assert sums(path, "days")[1]["requests"] == sum(sizes)


class Counters:
    """Spend, as a table beside the records; fails when it is told to."""

    def __init__(self) -> None:
        self.fail = 0
        self.told = 0

    def write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        spent = sum(one.cost.total for one in records if one.cost is not None)
        connection.execute(
            "INSERT INTO meta VALUES ('spent', ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            (spent,),
        )
        if self.fail:
            self.fail -= 1
            connection.execute("PRAGMA query_only = ON")
            try:
                connection.execute("INSERT INTO meta VALUES ('x', 1)")  # as on a disk that turned read-only
            finally:
                connection.execute("PRAGMA query_only = OFF")

    def written(self, records: Sequence[Record]) -> None:
        self.told += len(records)


async def test_what_stands_beside_is_written_with_them_or_not_at_all(path: Path, state: StateFile) -> None:
    counters = Counters()
    rows = RecordRows(state, RowLimits(flush_s=0.001), [counters])
    await rows.take([record()], 0)
    counters.fail = 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rows.take, [record(), record()], 0)
        with trio.fail_after(SOON_S):
            while state.status().problem is None:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.001)
        assert ask(path, "SELECT count(*) FROM records") == [(1,)]
        assert ask(path, "SELECT value FROM meta WHERE name = 'spent'") == [(1_000,)]
        assert counters.told == 1
    assert ask(path, "SELECT count(*) FROM records") == [(3,)]
    assert ask(path, "SELECT value FROM meta WHERE name = 'spent'") == [(3_000,)]
    assert counters.told == 3


async def test_through_the_bus_to_the_end(path: Path, state: StateFile, rows: RecordRows) -> None:
    """The last records come when the tasks are gone."""
    bus = Bus([rows], flush_s=0.001)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for _ in range(100):
            bus.record(record())
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    bus.record(record())
    bus.flush()
    state.close()
    assert ask(path, "SELECT count(*) FROM records") == [(101,)]
    assert sums(path, "days")[1]["requests"] == 101


@pytest.mark.parametrize("cut_at_s", [0.0, 0.0005, 0.001, 0.002, 0.004])
async def test_a_batch_that_is_cut_off_is_written_once(
    path: Path, state: StateFile, rows: RecordRows, cut_at_s: float
) -> None:
    first, rest = [record() for _ in range(300)], [record() for _ in range(10)]
    with trio.move_on_after(cut_at_s) as scope:
        await rows.take(first, 0)
    rows.finish([*first, *rest] if scope.cancelled_caught else rest, 0)
    assert ask(path, "SELECT count(*) FROM records") == [(310,)]
    assert sums(path, "days")[1]["requests"] == 310


async def test_new_names_of_a_batch_that_failed_are_made_again(path: Path, state: StateFile) -> None:
    counters = Counters()
    counters.fail = 1
    rows = RecordRows(state, RowLimits(flush_s=0.001), [counters])
    with trio.fail_after(SOON_S):
        await rows.take([record(key="new")], 0)
    assert {key: one["requests"] for key, one in sums(path, "days", "key").items()} == {"new": 1}


async def test_an_exchanged_file_has_its_own_numbers_for_names(
    path: Path, state: StateFile, rows: RecordRows
) -> None:
    await rows.take([record(key="a"), record(key="b")], 0)
    await trio.Path(path).unlink()
    await rows.take([record(key="b")], 0)
    assert {key: one["requests"] for key, one in sums(path, "days", "key").items()} == {"b": 1}


async def test_texts_of_no_form_in_utf_8_cost_no_batch(path: Path, rows: RecordRows) -> None:
    await rows.take([record(), record(customer="\ud800", error="\udcff", tags=("\ud800",)), record()], 0)
    assert ask(path, "SELECT count(*) FROM records") == [(3,)]
    assert sums(path, "days")[1]["requests"] == 3


_WRITE = """
import sys
from pathlib import Path
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows, RowLimits
from tests.storage.making import record
state = StateFile(Path(sys.argv[1]))
rows = RecordRows(state, RowLimits(flush_s=0))
batch = 0
while True:
    rows.finish([record(key=f"{sys.argv[2]}-{batch}", tags=("a",)) for _ in range(300)], 0)
    batch += 1
    print(batch, flush=True)
"""


def test_kill_9_in_mid_batch_leaves_whole_batches(path: Path) -> None:
    """Two processes write; both are killed, again and again."""
    told = 0
    for turn in range(4):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITE, str(path), f"{turn}{name}"], stdout=subprocess.PIPE
            )
            for name in "ab"
        ]
        for number, writer in enumerate(writers):
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(2 + number)]
            assert lines[-1]
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
        for writer in writers:
            assert writer.stdout is not None
            told += 2 + writers.index(writer) + len(writer.stdout.read().splitlines())
            writer.stdout.close()
            writer.wait()
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    counts = {key: one["requests"] for key, one in sums(path, "days", "key").items()}
    assert set(counts.values()) == {300}
    assert len(counts) >= told, "what was told to be written is there"
    assert ask(path, "SELECT count(*) FROM records") == [(300 * len(counts),)]
    assert sums(path, "tag_days")[1]["requests"] == 300 * len(counts)


async def test_retried_batches_of_two_workers(path: Path, state: StateFile, rows: RecordRows) -> None:
    other = StateFile(path, StateLimits(flush_s=0.001))
    others = RecordRows(other, RowLimits(flush_s=0.001))
    async with trio.open_nursery() as nursery:
        for writer in (rows, others):
            for _ in range(10):
                nursery.start_soon(_take_in_turn, writer)
    other.close()
    assert sums(path, "days")[1]["requests"] == ask(path, "SELECT count(*) FROM records")[0][0] == 1_000


_turns: dict[int, trio.Lock] = {}


async def _take_in_turn(rows: RecordRows) -> None:
    async with _turns.setdefault(id(rows), trio.Lock()):
        await rows.take([record(usage=Usage(input_tokens=1)) for _ in range(50)], 0)
