"""Brings a file's tables up to date: numbered files of SQL, each in one transaction, each once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from proxy.storage.problems import Problem, StateError

FOLDER = Path(__file__).parent / "migrations"
_APPLIED = """\
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_s INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT"""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str


def shipped(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Those of this program, in order."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        named = re.fullmatch(r"(\d{4})_(\w+)", path.stem)
        assert named is not None, path
        found.append(Migration(int(named[1]), named[2], path.read_text()))
    return tuple(found)


def migrate(connection: sqlite3.Connection, path: Path, known: tuple[Migration, ...] | None = None) -> int:
    """How many were applied. `path`: for errors. Raises StateError NEWER, sqlite3.Error; what was begun is undone."""
    known = shipped() if known is None else known
    applied = applied_in(connection)
    strange = applied - {migration.number for migration in known}
    if strange:
        raise StateError(
            Problem.NEWER, path, f"has migration {max(strange)}, of which this Sluice knows nothing"
        )
    missing = [migration for migration in known if migration.number not in applied]
    if missing and not applied:
        connection.execute(_APPLIED)
    for migration in missing:
        _apply(connection, migration)
    return len(missing)


def applied_in(connection: sqlite3.Connection) -> set[int]:
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone() is None:
        return set()
    return {number for (number,) in connection.execute("SELECT number FROM migrations")}


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements(migration.sql):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO migrations (number, name) VALUES (?, ?)", (migration.number, migration.name)
        )
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(sql: str) -> Iterator[str]:
    """One by one: `executescript` would commit in between."""
    statement = ""
    for piece in re.split(r"(?<=;)", sql):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
