"""Keys, teams, users, customers, tags and budgets in the state file. What they mean, `access` knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from proxy.access.directory import AliasTaken, Change, Row, Stale

KEPT_S = 86_400
"""Of what was deleted: every process looks several times a second, and a stopped one begins anew."""
_SEQ = "identities_seq"
"""In `meta`: the newest number given."""


def news(connection: sqlite3.Connection, seq: int) -> tuple[int, list[Row]]:
    """The newest number given, and what changed after this one."""
    return newest(connection), since(connection, seq)


def since(connection: sqlite3.Connection, seq: int) -> list[Row]:
    """What changed after this one, in its order."""
    found = connection.execute(
        "SELECT seq, kind, id, body FROM identities WHERE seq > ? ORDER BY seq", (seq,)
    )
    return [Row(*row) for row in found]


def newest(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (_SEQ,)).fetchone()
    return 0 if found is None else int(found[0])


def commit(connection: sqlite3.Connection, changes: Sequence[Change], now: float) -> None:
    """All of them or, with the transaction, none. Raises Stale when one is based on what has changed meanwhile;
    AliasTaken."""
    for change in changes:
        seq = newest(connection) + 1
        connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (_SEQ, seq)
        )
        _put(connection, change, seq, int(now))
    connection.execute("DELETE FROM identities WHERE body IS NULL AND changed_s < ?", (int(now) - KEPT_S,))


def _put(connection: sqlite3.Connection, change: Change, seq: int, now_s: int) -> None:
    place = (change.kind, change.id)
    there = connection.execute(
        "SELECT seq FROM identities WHERE kind = ? AND id = ? AND body IS NOT NULL", place
    ).fetchone()
    if (there[0] if there else 0) != change.was:
        raise Stale
    body = None if change.entity is None else msgspec.json.encode(change.entity).decode()
    try:
        connection.execute(
            "INSERT INTO identities VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq,"
            " alias = excluded.alias, body = excluded.body, changed_s = excluded.changed_s",
            (*place, seq, getattr(change.entity, "key_alias", None), body, now_s),
        )
    except sqlite3.IntegrityError as error:
        raise AliasTaken from error
