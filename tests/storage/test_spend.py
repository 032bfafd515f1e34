"""Spend beside the records: their sum, by the minute."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.accounting.record import Record
from proxy.limits.subjects import EVERYBODY, Payers, subject, subjects_of
from proxy.storage import spend
from proxy.storage.migrating import shipped
from proxy.types import Cost

NOW = 1_800_000_000.0


def record(nano: int | None, ended: float = NOW, **who: object) -> Record:
    fields = {"key": "k", "team": "t", "model_asked": "gpt-4o", **who}
    return Record(
        call_id="c",
        started_unix_s=ended - 2.5,
        duration_s=2.5,
        method="POST",
        route="/v1/chat/completions",
        cost=None if nano is None else Cost(nano),
        **fields,  # type: ignore[arg-type]
    )


def opened(path: str = ":memory:") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    (sql,) = (migration.sql for migration in shipped() if migration.number == 3)
    connection.executescript(sql)
    return connection


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = opened()
    yield connection
    connection.close()


def write(file: sqlite3.Connection, *records: Record) -> None:
    spend.SpendRows().write(file, records)


def test_a_record_counts_for_each_who_pays_and_with_its_model(file: sqlite3.Connection) -> None:
    write(file, record(70), record(30, tags=("a", "a", "b"), user="u", customer="c"), record(None), record(0))
    for who, nano in {
        EVERYBODY: 100,
        subject("key", "k"): 100,
        subject("key", "k", model="gpt-4o"): 100,
        subject("team", "t"): 100,
        subject("user", "u"): 30,
        subject("customer", "c"): 30,
        subject("customer", "c", model="gpt-4o"): 30,
        subject("tag", "a"): 30,
        subject("tag", "b"): 30,
        subject("user", "k"): 0,
    }.items():
        assert spend.spent(file, who) == nano


def test_ids_that_run_together_are_not_taken_for_one_another() -> None:
    several = [
        subject("key", "a", model="b"),
        subject("key", "amodelb"),
        subject("key", "a5:model1:b"),
        subject("user", "a", model="b"),
        subject("key", ""),
    ]
    assert len(set(several)) == len(several)
    assert len(subjects_of(Payers("x", "x", "x", "x", ("x", "x")), "m")) == 11


def test_a_period_has_what_ended_in_it(file: sqlite3.Connection) -> None:
    begin = NOW - NOW % 60
    write(file, record(1, begin - 0.01), record(10, begin), record(100, begin + 59.9))
    assert spend.spent(file, EVERYBODY, begin) == 110
    assert spend.spent(file, EVERYBODY) == 111


def test_old_rows_become_few_and_keep_their_sums(file: sqlite3.Connection) -> None:
    day = 86_400.0
    ends = [NOW - 500 * day, NOW - 450 * day, *(NOW - 3 * day + 60 * each for each in range(40)), NOW]
    write(file, *(record(1, end) for end in ends))
    spend.correct(file, EVERYBODY, 1_000, 0, NOW - 3 * day)
    before = spend.spent(file, EVERYBODY), spend.spent(file, EVERYBODY, NOW - 10 * day)
    spend.fold(file, NOW)
    assert (spend.spent(file, EVERYBODY), spend.spent(file, EVERYBODY, NOW - 10 * day)) == before
    (rows,) = file.execute("SELECT count(*) FROM spend WHERE subject = ?", (EVERYBODY,)).fetchone()
    assert rows <= 6
    assert spend.fold(file, NOW) == 0


def test_a_correction_holds_from_its_time_and_is_no_difference(file: sqlite3.Connection) -> None:
    records = [record(70)]
    write(file, *records)
    spend.correct(file, subject("key", "k"), 0, 0, NOW + 60)
    assert spend.spent(file, subject("key", "k")) == 0
    write(file, record(5, NOW + 90))
    assert spend.spent(file, subject("key", "k")) == 5
    assert spend.differences(file, spend.spent_by([*records, record(5, NOW + 90)])) == {}


amounts = st.tuples(st.integers(0, 10**12), st.floats(NOW, NOW + 10_000), st.sampled_from(["k", "l", None]))


@given(st.lists(amounts, max_size=30), st.integers(0, 5))
def test_spend_is_the_sum_of_the_records_to_the_nano_dollar(
    several: list[tuple[int, float, str | None]], parts: int
) -> None:
    file = opened()
    records = [record(nano, end, key=key) for nano, end, key in several]
    for part in range(parts + 1):
        write(file, *records[part :: parts + 1])
    assert spend.differences(file, spend.spent_by(records)) == {}
    for key in ("k", "l"):
        said = sum(nano for nano, _, whose in several if whose == key)
        assert spend.spent(file, subject("key", key)) == said


def test_what_is_not_as_the_records_say_is_found_and_mended(file: sqlite3.Connection) -> None:
    records = [record(70)]
    write(file, *records)
    file.execute("UPDATE spend SET nano = 75 WHERE subject = ?", (subject("key", "k"),))
    file.execute("DELETE FROM spend WHERE subject = ?", (subject("team", "t"),))
    found = spend.differences(file, spend.spent_by(records))
    assert found == {subject("key", "k"): 5, subject("team", "t"): -70}
    spend.mend(file, found, NOW)
    assert spend.differences(file, spend.spent_by(records)) == {}
    assert spend.spent(file, subject("key", "k")) == 70
