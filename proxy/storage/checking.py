"""Whether a state file is whole: its pages, its tables as the migrations make them, and sums that fit its records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from proxy.storage.migrating import applied_in, migrate, shipped
from proxy.storage.opening import APPLICATION_ID, connect_to_read
from proxy.storage.problems import Problem, StateError, problem_of

MOST_FAULTS = 20
"""Told: where there are many, more do not help."""


def faults(path: Path) -> list[str]:
    """What is wrong, for people; none: it is whole. Raises StateError when it cannot be read at all."""
    try:
        connection = connect_to_read(path)
        try:
            return _faults(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        problem = problem_of(error)
        if problem is None or problem is Problem.BROKEN:
            return [str(error)]
        raise StateError(problem, path, str(error)) from error


def _faults(connection: sqlite3.Connection, path: Path) -> list[str]:
    (id_,) = connection.execute("PRAGMA application_id").fetchone()
    if id_ != APPLICATION_ID:
        raise StateError(Problem.STRANGE, path, "is the database of another program")
    rows = connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})").fetchall()
    found = [str(row[0]) for row in rows if row[0] != "ok"]
    return found or _strange_tables(connection)


def _strange_tables(connection: sqlite3.Connection) -> list[str]:
    """Against those that the same migrations make."""
    applied, known = applied_in(connection), shipped()
    newer = applied - {migration.number for migration in known}
    if newer:
        return [f"has migration {max(newer)}, of which this Sluice knows nothing: it is a newer one's"]
    with sqlite3.connect(":memory:", isolation_level=None) as model:
        migrate(model, Path(), tuple(one for one in known if one.number in applied))
        ours, theirs = _tables(model), _tables(connection)
    model.close()
    lost = [f"{name} is missing" for name in sorted(ours.keys() - theirs.keys())]
    changed = [
        f"{name} is not as it was made" for name in sorted(ours) if theirs.get(name, ours[name]) != ours[name]
    ]
    return lost + changed


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """Those of other hands do no harm."""
    rows = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows}
