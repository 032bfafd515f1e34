"""Steps of SQL: each once, in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proxy.storage.migrating import Migration, applied_in, migrate, shipped, statements
from proxy.storage.problems import Problem, StateError

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
