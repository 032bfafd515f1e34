"""Numbers for who paid and for what was used: rows hold them in place of long texts."""

from __future__ import annotations

import sqlite3
from typing import TypeAlias, TypeVar

from proxy.accounting.record import Record
from proxy.types import Deployment

T = TypeVar("T")
Who: TypeAlias = tuple[str, str, str, str, str]
"""name, key, alias, user, team; empty: none."""
What: TypeAlias = tuple[str, str, str, str]
"""The name asked for, the upstream's model, its provider, the deployment."""
MOST = 100_000
"""Of each sort: clients choose names. Those beyond are one."""
REMEMBERED = 20_000
"""Of each sort, in memory."""
OTHERS_WHO: Who = ("(others)", "", "", "", "")
OTHERS_WHAT: What = ("(others)", "", "", "")


class Names:
    """Of one file, and one connection to it: after a rollback or another file `forget`."""

    def __init__(self) -> None:
        self._who: dict[Who, int] = {}
        self._what: dict[What, int] = {}

    def forget(self) -> None:
        self._who.clear()
        self._what.clear()

    def caller(self, connection: sqlite3.Connection, who: Who) -> int:
        found = self._who.get(who)
        if found is None:
            found = _number(connection, _CALLERS, who, OTHERS_WHO, bounded=not who[1])
            _keep(self._who, who, found)
        return found

    def model(self, connection: sqlite3.Connection, what: What) -> int:
        found = self._what.get(what)
        if found is None:
            found = _number(connection, _MODELS, what, OTHERS_WHAT, bounded=True)
            _keep(self._what, what, found)
        return found


def who_of(record: Record) -> Who:
    return (
        record.caller or "",
        record.key or "",
        record.key_alias or "",
        record.user or "",
        record.team or "",
    )


def what_of(record: Record, deployment: Deployment | None) -> What:
    """`deployment`: of the last attempt; None: it is not known, or nothing was sent."""
    if not record.deployment_id:
        return ("", "", "", "")  # nobody answered: a name that was only asked for is not kept
    if deployment is None:
        return (record.model_asked or "", record.model_served or "", "", record.deployment_id)
    model = record.model_served or "" if "*" in deployment.model else deployment.model
    return (record.model_asked or "", model, deployment.provider, deployment.id)


def _keep(known: dict[T, int], name: T, number: int) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[name] = number


_CALLERS = ("callers", "name, key, alias, user, team")
_MODELS = ("models", "name, model, provider, deployment")


def _number(
    connection: sqlite3.Connection,
    of: tuple[str, str],
    name: tuple[str, ...],
    others: tuple[str, ...],
    *,
    bounded: bool,
) -> int:
    table, columns = of
    fields = columns.split(", ")
    where = " AND ".join(f"{field} = ?" for field in fields)
    found = connection.execute(f"SELECT id FROM {table} WHERE {where}", name).fetchone()
    if found is None and bounded and name != others:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        if count >= MOST:
            return _number(connection, of, others, others, bounded=False)
    if found is None:
        marks = ", ".join("?" * len(fields))
        done = connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", name)
        assert done.lastrowid is not None
        return done.lastrowid
    return int(found[0])
