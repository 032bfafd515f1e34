"""What everybody has spent, written with the records in one transaction: the sum of the records, by construction.

Every function is called in a transaction, in the state file's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from proxy.accounting.record import Record
from proxy.limits.subjects import Payers, subjects_of

MINUTE_S = 60
KEPT_BY_MINUTE_S = 2 * 86_400
"""Then by quarter of an hour: in all time zones hours begin with one."""
KEPT_BY_QUARTER_S = 400 * 86_400
"""Then as one sum: budgets last a year at most."""
_QUARTER = 15
FOLDED = 0
"""The minute under which the sum of all before stands."""
Spent: TypeAlias = dict[tuple[bytes, int], int]
"""Subject and minute -> nano-dollars."""
_ADD = "INSERT INTO {} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET nano = nano + excluded.nano"
_ADD_SPENT, _CORRECT = _ADD.format("spend"), _ADD.format("spend_corrections")


class SpendRows:
    """Beside the records' rows (`storage.records.Beside`)."""

    def __init__(self, moved: Callable[[Sequence[Record]], None] = lambda _: None) -> None:
        """`moved`: is told of the records in the transaction that writes them, again if it is tried again."""
        self._moved = moved

    def write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        add(connection, spent_by(records))
        self._moved(records)

    def written(self, records: Sequence[Record]) -> None:
        """It was told already."""


_payers_of = attrgetter("key", "user", "team", "customer", "tags", "model_asked")


def spent_by(records: Iterable[Record]) -> Spent:
    """What the records add up to, for all whom they are counted for."""
    paid: dict[tuple[int, tuple[Any, ...]], int] = {}
    for record in records:
        if record.cost is not None and record.cost.total:
            minute = int(record.started_unix_s + record.duration_s) // MINUTE_S
            place = minute, _payers_of(record)
            paid[place] = paid.get(place, 0) + record.cost.total
    sums: Spent = {}
    for (minute, (*payers, model)), nano in paid.items():
        for subject in subjects_of(Payers(*payers), model):
            sums[subject, minute] = sums.get((subject, minute), 0) + nano
    return sums


def add(connection: sqlite3.Connection, sums: Mapping[tuple[bytes, int], int]) -> None:
    connection.executemany(_ADD_SPENT, [(*place, nano) for place, nano in sums.items()])


def spent(connection: sqlite3.Connection, subject: bytes, since_unix_s: float = 0.0) -> int:
    """Nano-dollars since then, to the minute."""
    total = 0
    for table in ("spend", "spend_corrections"):
        (nano,) = connection.execute(
            f"SELECT coalesce(sum(nano), 0) FROM {table} WHERE subject = ? AND minute >= ?",
            (subject, int(since_unix_s) // MINUTE_S),
        ).fetchone()
        total += nano
    return total


def correct(
    connection: sqlite3.Connection, subject: bytes, nano: int, since_unix_s: float, now_unix_s: float
) -> None:
    """From now on it has spent so much since then, whatever its records say."""
    by = nano - spent(connection, subject, since_unix_s)
    connection.execute(_CORRECT, (subject, int(now_unix_s) // MINUTE_S, by))


def fold(connection: sqlite3.Connection, now_unix_s: float) -> int:
    """Makes fewer rows of old ones, so that they stay few. Returns how many they were."""
    now = int(now_unix_s) // MINUTE_S
    folded = 0
    for table in ("spend", "spend_corrections"):
        for before, to in (
            (now - KEPT_BY_QUARTER_S // MINUTE_S, str(FOLDED)),
            (now - KEPT_BY_MINUTE_S // MINUTE_S, f"minute / {_QUARTER} * {_QUARTER}"),
        ):
            old = f"FROM {table} WHERE minute < ? AND minute != {to}"
            rows = connection.execute(
                f"SELECT subject, {to}, sum(nano) {old} GROUP BY 1, 2",
                (before,),
            ).fetchall()
            folded += connection.execute(f"DELETE {old}", (before,)).rowcount
            connection.executemany(_ADD.format(table), rows)
    return folded


def differences(
    connection: sqlite3.Connection, records: Mapping[tuple[bytes, int], int], since_unix_s: float = 0.0
) -> dict[bytes, int]:
    """By how much what is counted since then is more than what the records (`spent_by`) say, for whom it is not equal.

    `since_unix_s`: a quarter of an hour's beginning, from which on all records are there; 0: all ever were.
    """
    first = int(since_unix_s) // MINUTE_S
    found: dict[bytes, int] = dict(
        connection.execute("SELECT subject, sum(nano) FROM spend WHERE minute >= ? GROUP BY 1", (first,))
    )
    for (subject, minute), nano in records.items():
        if minute >= first:
            found[subject] = found.get(subject, 0) - nano
    return {subject: difference for subject, difference in found.items() if difference}


def mend(connection: sqlite3.Connection, found: Mapping[bytes, int], now_unix_s: float) -> None:
    """`differences` are none any more."""
    minute = int(now_unix_s) // MINUTE_S
    add(connection, {(subject, minute): -difference for subject, difference in found.items()})
