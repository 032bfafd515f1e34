"""Steps of SQL: each once, in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proxy.storage.migrating import Migration, applied_in, migrate, shipped, statements
from proxy.storage.problems import Problem, StateError
from proxy.storage.rows import REQUESTS, Wanted, found
from proxy.types import Cost, Usage

HERE = Path("sluice.db")
ONE = Migration(1, "one", "CREATE TABLE one (a TEXT);\nINSERT INTO one VALUES ('a;b');\n")
TWO = Migration(2, "two", "CREATE TABLE two (a TEXT);")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def test_each_is_applied_once(connection: sqlite3.Connection) -> None:
    assert migrate(connection, HERE, (ONE,)) == 1
    assert migrate(connection, HERE, (ONE,)) == 0
    assert connection.execute("SELECT a FROM one").fetchall() == [("a;b",)]


def test_what_is_missing_is_applied_in_whatever_order_it_came_to_be(connection: sqlite3.Connection) -> None:
    migrate(connection, HERE, (TWO,))
    assert migrate(connection, HERE, (ONE, TWO)) == 1
    assert applied_in(connection) == {1, 2}


def test_a_step_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    bad = Migration(2, "two", "CREATE TABLE two (a TEXT); INSERT INTO nowhere VALUES (1);")
    migrate(connection, HERE, (ONE,))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, HERE, (ONE, bad))
    assert applied_in(connection) == {1}
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'two'").fetchone() == (0,)
    assert migrate(connection, HERE, (ONE, TWO)) == 1


def test_a_file_of_a_newer_program_is_left_alone(connection: sqlite3.Connection) -> None:
    migrate(connection, HERE, (ONE, TWO))
    with pytest.raises(
        StateError, match=r"sluice\.db: has migration 2, .* A newer Sluice has written it"
    ) as told:
        migrate(connection, HERE, (ONE,))
    assert told.value.problem is Problem.NEWER


def test_the_shipped_ones_are_numbered_and_whole(connection: sqlite3.Connection) -> None:
    known = shipped()
    assert len({migration.number for migration in known}) == len(known)
    assert migrate(connection, HERE, known) == len(known)
    for migration in known:
        assert "".join(statements(migration.sql)).strip() == migration.sql.strip()


OLD_RECORDS = """
INSERT INTO callers VALUES (7, 'ci', 'k1', 'ci', 'u1', 't1');
INSERT INTO models VALUES (3, 'gpt-4o', 'gpt-4o-2024', 'openai', 'd1');
INSERT INTO records VALUES (5000, X'00112233445566778899aabbccddeeff', 1700000001000, 1000.0, 250.0, 7, 3, 'c1',
    '["a"]', 'POST', '/chat/completions', 502, 'upstream_error', 'why', 2, 1, 1, 10, 20, '{"input_tokens":4}', 0, 12,
    '{"total":12,"input":12}');
INSERT INTO records VALUES (5001, X'00', 1700000002000, 5.0, NULL, 7, 3, NULL, NULL,
    'GET', '/models', 200, 'ok', NULL, 1, 0, 0, 0, 0, NULL, 1, NULL, NULL);
"""


def test_records_of_before_they_were_slim_are_all_there(connection: sqlite3.Connection) -> None:
    known = shipped()
    migrate(connection, HERE, tuple(one for one in known if one.number < 9))
    for statement in statements(OLD_RECORDS):
        connection.execute(statement)
    before = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM records ORDER BY id").fetchall()
    migrate(connection, HERE, known)
    for table in ("requests", REQUESTS):
        assert (
            connection.execute(f"SELECT {', '.join(COLUMNS)} FROM {table} ORDER BY id").fetchall() == before
        )
    last, first = found(connection, Wanted(key="k1"))
    assert (first.id, first.usage, first.cost, first.stream) == (5000, Usage(4), Cost(12, 12), True)
    assert (last.first_byte_ms, last.usage, last.cost, last.estimated) == (None, None, None, True)
    assert found(connection, Wanted(customer="c1")) == [first]
    assert connection.execute("SELECT * FROM segments").fetchall() == [(1, 1700000001000, 1700000002000)]


COLUMNS = (
    "id", "call_id", "ended_ms", "duration_ms", "first_byte_ms", "caller", "model", "customer", "tags", "method",
    "route", "status", "outcome", "error", "attempts", "fallbacks", "stream", "request_bytes", "response_bytes",
    "usage", "estimated", "spend", "cost",
)  # fmt: skip
