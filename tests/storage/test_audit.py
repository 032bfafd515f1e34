"""What is counted is the sum of the records, always; where somebody's hand made it otherwise it is found and mended."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from proxy.limits.subjects import subject
from proxy.storage.audit import Audit, audit, mend
from proxy.storage.file import StateFile
from proxy.storage.opening import open_file
from proxy.storage.records import RecordRows
from proxy.storage.retention import Retention, RetentionLimits
from proxy.storage.spend import SpendRows, fold, spent
from proxy.types import Outcome
from tests.storage.making import DAY_S, NOON, cost, record

Ask = Callable[[], Audit]


@pytest.fixture
def filled(path: Path) -> Path:
    chance = random.Random(3)
    state = StateFile(path)
    rows = RecordRows(state, beside=[SpendRows()])
    for _ in range(10):
        rows.finish(
            [
                record(
                    started_unix_s=NOON + chance.randrange(5 * DAY_S),
                    key=chance.choice(("k1", "k2", None)),
                    user=chance.choice(("u1", None)),
                    team=chance.choice(("t1", "t2")),
                    customer=chance.choice(("c1", None, "ç" * 300)),
                    tags=tuple(chance.choices(("a", "b", "c"), k=chance.randrange(4))),
                    model_asked=chance.choice(("gpt-a", "gpt-b")),
                    cost=chance.choice((cost(chance.randrange(10**6)), None)),
                    outcome=chance.choice((Outcome.OK, Outcome.TRUNCATED)),
                )
                for _ in range(100)
            ],
            0,
        )
    state.close()
    return path


@pytest.fixture
def connection(filled: Path) -> Iterator[sqlite3.Connection]:
    connection = open_file(filled).connection
    yield connection
    connection.close()


def test_all_that_is_written_is_balanced(connection: sqlite3.Connection) -> None:
    found = audit(connection)
    assert found.balanced
    assert found.records == 1_000
    assert found.sums > 50
    assert found.counters > 20


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE days SET spend = spend + 1 WHERE day = 20002 AND caller = 1",
        "UPDATE days SET requests = requests - 1 WHERE day = 20002 AND caller = 1",
        "DELETE FROM days WHERE day = 20002 AND caller = 1",
        "UPDATE customer_days SET spend = 0 WHERE day = 20002",
        "UPDATE tag_days SET requests = 1 WHERE day = 20002",
        "INSERT INTO tag_days VALUES (20002, 1, 'nobody', 1, 0, 0, 0, 5)",
        "DELETE FROM records WHERE id = (SELECT id FROM records WHERE ended_ms / 86400000 = 20002 AND spend IS NULL)",
    ],
)
def test_sums_that_are_wrong_are_found_and_mended(connection: sqlite3.Connection, done: str) -> None:
    before = _sums(connection)
    assert connection.execute(done).rowcount > 0
    assert audit(connection).wrong_days == (20_002,)
    connection.execute("BEGIN")
    assert mend(connection, NOON + 6 * DAY_S).wrong_days == (20_002,)
    connection.execute("COMMIT")
    assert audit(connection).balanced
    if "records" not in done:
        assert _sums(connection) == before, "with every figure, to the last"


def _sums(connection: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
    return [
        connection.execute(f"SELECT * FROM {table}").fetchall()
        for table in ("days", "customer_days", "tag_days")
    ]


def test_counters_that_are_wrong_are_found_and_mended(connection: sqlite3.Connection) -> None:
    right = spent(connection, subject("key", "k1"))
    minute = int(NOON) // 60
    for whose, nano in (
        (subject("key", "k1"), 7),
        (subject("team", "t1", model="gpt-a"), -5),
        (b"x" * 16, 9),
    ):
        connection.execute("INSERT INTO spend VALUES (?, ?, ?)", (whose, minute - 1, nano))
    found = audit(connection)
    assert {one.of: one.counted - one.records for one in found.wrong_counters} == {
        "key k1": 7,
        "team t1 asking gpt-a": -5,
        f"somebody without records ({(b'x' * 16).hex()})": 9,
    }
    assert next(one for one in found.wrong_counters if one.of == "key k1").records == right
    connection.execute("BEGIN")
    mend(connection, NOON + 6 * DAY_S)
    connection.execute("COMMIT")
    assert audit(connection).balanced
    assert spent(connection, subject("key", "k1")) == right


def test_what_an_operator_corrected_is_no_error(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO spend_corrections VALUES (?, ?, ?)", (subject("key", "k1"), 5, -100))
    assert audit(connection).balanced


async def test_old_records_that_are_gone_take_nothing_from_it(filled: Path) -> None:
    """By age: some days are there in part, and are not compared; the rest is."""
    state = StateFile(filled)
    retention = Retention(RetentionLimits(records_s=2 * DAY_S), state)
    now = NOON + 5 * DAY_S  # until the middle of day 20,003 they go
    while await state.write(partial(retention.step, now)):
        now += 60
    found = await state.read(audit)
    assert 0 < found.records < 1_000
    assert found.first_day == 20_004
    assert found.balanced
    await state.write(
        lambda connection: connection.execute("UPDATE days SET spend = spend + 1 WHERE day = 20004").close()
    )
    assert (await state.read(audit)).wrong_days == (20_004,)
    state.close()


def _run(sql: str, connection: sqlite3.Connection) -> None:
    connection.execute(sql)


def test_counters_of_long_ago_are_still_balanced_when_they_are_folded(connection: sqlite3.Connection) -> None:
    assert fold(connection, NOON + 500 * DAY_S) > 0
    assert audit(connection).balanced


def test_an_empty_file_is_balanced(path: Path) -> None:
    opened = open_file(path)
    assert audit(opened.connection).balanced
    opened.connection.close()
