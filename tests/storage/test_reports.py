"""Sums and single records, asked in every way; against what Python adds up itself."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.accounting.record import Record
from proxy.storage.file import StateFile
from proxy.storage.opening import connect_to_read
from proxy.storage.records import RecordRows
from proxy.storage.reports import KEPT_APART, MAIN, By, Scope, totals
from proxy.storage.rows import Wanted, found
from proxy.types import Outcome, Usage
from tests.storage.making import DAY_S, DEPLOYMENT, NOON, cost, record

OF = {
    "day": lambda one: int((one.started_unix_s + one.duration_s) // DAY_S),
    "key": lambda one: one.key,
    "user": lambda one: one.user,
    "team": lambda one: one.team,
    "name": lambda one: one.model_asked,
    "customer": lambda one: one.customer,
}
"""What a record says, by what it is asked for."""


@pytest.fixture(scope="module")
def records() -> list[Record]:
    chance = random.Random(7)
    return [
        record(
            started_unix_s=NOON + DAY_S * chance.randrange(4) + number,
            key=f"k{chance.randrange(3)}",
            key_alias="",
            user=f"u{chance.randrange(2)}",
            team=chance.choice(("t1", "t2", None)),
            model_asked=chance.choice(("gpt-a", "gpt-b")),
            customer=chance.choice(("c1", "c2", None)),
            tags=tuple(chance.sample(("x", "y", "z"), chance.randrange(3))),
            cost=cost(chance.randrange(10_000)),
            usage=Usage(input_tokens=chance.randrange(100), output_tokens=chance.randrange(100)),
            outcome=chance.choice((Outcome.OK, Outcome.OK, Outcome.UPSTREAM_ERROR)),
        )
        for number in range(500)
    ]


@pytest.fixture(scope="module")
def connection(
    records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("reports") / "sluice.db"
    state = StateFile(path)
    rows = RecordRows(state)
    rows.watch({"d1": DEPLOYMENT}.get, lambda _: False)
    for at in range(0, len(records), 70):
        rows.finish(records[at : at + 70], 0)
    state.close()
    connection = connect_to_read(path)
    yield connection
    connection.close()


def expected(records: list[Record], by: tuple[str, ...]) -> dict[tuple[object, ...], tuple[int, int, int]]:
    sums: dict[tuple[object, ...], tuple[int, int, int]] = {}
    for one in records:
        of = tuple(OF[name](one) if OF[name](one) is not None else "" for name in by)
        requests, failures, spend = sums.get(of, (0, 0, 0))
        assert one.cost is not None
        sums[of] = requests + 1, failures + (one.outcome is not Outcome.OK), spend + one.cost.total
    return sums


def asked(
    connection: sqlite3.Connection, by: tuple[By, ...], scope: Scope
) -> dict[tuple[object, ...], tuple[int, int, int]]:
    return {
        one.of: (one.figures.requests, one.figures.failures, one.figures.spend)
        for one in totals(connection, by, scope)
    }


@pytest.mark.parametrize(
    "by",
    [(), ("day",), ("key",), ("team",), ("name",), ("day", "key"), ("team", "name"), ("key", "user", "team")],
)
def test_sums_are_those_of_the_records(
    connection: sqlite3.Connection, records: list[Record], by: tuple[By, ...]
) -> None:
    assert asked(connection, by, Scope()) == expected(records, by)


@pytest.mark.parametrize("by", [("day",), ("name",), ("key", "day")])
@pytest.mark.parametrize("only", ["key", "user", "team", "name"])
def test_filters(connection: sqlite3.Connection, records: list[Record], only: By, by: tuple[By, ...]) -> None:
    value = {"key": "k1", "user": "u0", "team": "", "name": "gpt-a"}[only]
    left = [one for one in records if (OF[only](one) or "") == value]
    assert asked(connection, by, Scope(only={only: value})) == expected(left, by)


def test_days_are_included(connection: sqlite3.Connection, records: list[Record]) -> None:
    left = [one for one in records if OF["day"](one) in (20_001, 20_002)]
    assert asked(connection, (), Scope(first_day=20_001, last_day=20_002)) == expected(left, ())


@pytest.mark.parametrize("by", [("customer",), ("day", "customer"), ("customer", "key")])
def test_customers(connection: sqlite3.Connection, records: list[Record], by: tuple[By, ...]) -> None:
    named = [one for one in records if one.customer is not None]
    assert asked(connection, by, Scope()) == expected(named, by)
    ones = [one for one in named if one.customer == "c1"]
    assert asked(connection, ("day",), Scope(only={"customer": "c1"})) == expected(ones, ("day",))


def test_tags(connection: sqlite3.Connection, records: list[Record]) -> None:
    for tag in "xyz":
        ones = [one for one in records if tag in one.tags]
        assert asked(connection, ("key",), Scope(only={"tag": tag})) == expected(ones, ("key",))
        assert asked(connection, ("tag",), Scope(only={"tag": tag})) == {(tag,): expected(ones, ())[()]}


@pytest.mark.parametrize(
    ("by", "only"), [(("customer", "tag"), {}), (("tag", "name"), {}), (("model",), {"customer": "c1"})]
)
def test_what_is_kept_apart_is_told(
    connection: sqlite3.Connection, by: tuple[By, ...], only: dict[By, str]
) -> None:
    with pytest.raises(ValueError, match=KEPT_APART):
        totals(connection, by, Scope(only=only))


def test_the_dearest_come_first_and_others_are_left_out(connection: sqlite3.Connection) -> None:
    every = totals(connection, ("key", "day"), Scope())
    assert [one.figures.spend for one in every] == sorted((one.figures.spend for one in every), reverse=True)
    assert totals(connection, ("key", "day"), Scope(), limit=3) == every[:3]


def test_fewer_figures_are_the_same_ones(connection: sqlite3.Connection) -> None:
    for few, every in zip(
        totals(connection, ("key",), Scope(), figures=MAIN),
        totals(connection, ("key",), Scope()),
        strict=True,
    ):
        assert {name: getattr(few.figures, name) for name in MAIN} == {
            name: getattr(every.figures, name) for name in MAIN
        }
        assert few.figures.duration_ms == 0 < every.figures.duration_ms


def test_an_empty_file(tmp_path: Path) -> None:
    StateFile(tmp_path / "sluice.db").close()
    state = StateFile(tmp_path / "sluice.db")
    state.open()
    connection = connect_to_read(tmp_path / "sluice.db")
    assert totals(connection, ("key",), Scope()) == []
    assert found(connection, Wanted()) == []
    connection.close()
    state.close()


def test_single_records_the_newest_first(connection: sqlite3.Connection, records: list[Record]) -> None:
    newest = sorted(records, key=lambda one: one.started_unix_s + one.duration_s, reverse=True)
    rows = found(connection, Wanted(limit=10))
    assert [row.call_id for row in rows] == [one.call_id for one in newest[:10]]
    assert [row.call_id for row in found(connection, Wanted(limit=10, skip=5))] == [
        one.call_id for one in newest[5:15]
    ]


@pytest.mark.parametrize(
    ("field", "value"), [("key", "k2"), ("user", "u1"), ("team", "t1"), ("customer", "c2")]
)
def test_single_records_of_somebody(
    connection: sqlite3.Connection, records: list[Record], field: str, value: str
) -> None:
    newest = sorted(records, key=lambda one: one.started_unix_s + one.duration_s, reverse=True)
    rows = found(connection, Wanted(**{field: value}, limit=20))  # type: ignore[arg-type]
    assert [row.call_id for row in rows] == [one.call_id for one in newest if getattr(one, field) == value][
        :20
    ]


def test_one_record_by_its_call_id(connection: sqlite3.Connection, records: list[Record]) -> None:
    one = records[3]
    (row,) = found(connection, Wanted(call_id=one.call_id))
    assert (row.call_id, row.key, row.usage, row.cost, row.tags) == (
        one.call_id,
        one.key,
        one.usage,
        one.cost,
        list(one.tags),
    )
    assert (row.name, row.model, row.provider) == (one.model_asked, "gpt-4o-2024", "openai")
    assert found(connection, Wanted(call_id=one.call_id, key="somebody else")) == []
    assert found(connection, Wanted(call_id="no such id")) == []


def test_single_records_of_some_days(connection: sqlite3.Connection, records: list[Record]) -> None:
    first, last = 20_001 * DAY_S * 1000, 20_002 * DAY_S * 1000 - 1
    rows = found(connection, Wanted(first_ms=first, last_ms=last))
    assert len(rows) == sum(OF["day"](one) == 20_001 for one in records)


def test_no_question_reads_all_records(connection: sqlite3.Connection) -> None:
    """Each has an index that begins where the answer does."""
    for wanted in (Wanted(key="k1"), Wanted(customer="c1"), Wanted(first_ms=5, last_ms=6), Wanted()):
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        found(connection, wanted)
        connection.set_trace_callback(None)
        for statement in (one for one in asked if "FROM records" in one):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not any(step.startswith("SCAN records") for step in plan), (statement, plan)
