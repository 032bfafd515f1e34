"""Where whose records lie: by runs of ids, so that one caller's newest are found without reading everybody's.

An index by caller costs each record as much as its row; this costs each caller a small row in 4,096 records.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from proxy.storage.bulk import Insert, run

BITS: Final = 12
"""A segment's number is its records' ids without so many bits: 4,096 of them are read in some 2 ms."""
_SEGMENTS: Final = Insert(
    "segments",
    ("segment", "first_ms", "last_ms"),
    "ON CONFLICT DO UPDATE SET first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)",
)
_CALLERS: Final = Insert("caller_segments", ("segment", "caller"), "ON CONFLICT DO NOTHING")
_CUSTOMERS: Final = Insert("customer_segments", ("segment", "customer"), "ON CONFLICT DO NOTHING")


class Written(msgspec.Struct, frozen=True):
    """Records that were written one after the other."""

    last_id: int
    ended_ms: list[int]
    """Of each."""
    callers: Collection[int]
    customers: Collection[str]


class Segments:
    """Of one file, and one connection to it: after a rollback or another file `forget`."""

    def __init__(self) -> None:
        self._noted: dict[int, tuple[set[int], set[str]]] = {}
        """The callers and customers of the segments that were written to last."""

    def forget(self) -> None:
        self._noted.clear()

    def note(self, connection: sqlite3.Connection, written: Written) -> None:
        first, last = (written.last_id - len(written.ended_ms) + 1) >> BITS, written.last_id >> BITS
        begun, ended = min(written.ended_ms), max(written.ended_ms)
        numbers = range(first, last + 1)
        run(connection, _SEGMENTS, [(number, begun, ended) for number in numbers])
        self._noted = {number: self._noted.get(number) or (set(), set()) for number in numbers}
        for number, (callers, customers) in self._noted.items():
            run(connection, _CALLERS, [(number, one) for one in written.callers if one not in callers])
            run(connection, _CUSTOMERS, [(number, one) for one in written.customers if one not in customers])
            callers.update(written.callers)
            customers.update(written.customers)


def segments_of(
    connection: sqlite3.Connection,
    callers: Collection[int] | None,
    customer: str | None,
    first_ms: int,
    last_ms: int,
) -> Iterator[tuple[int, int]]:
    """Those that may have records of theirs that ended then, with the end of each one's last record, the newest
    first. None: of all."""
    filters: dict[str, object] = {"last_ms >= ?": first_ms, "first_ms <= ?": last_ms}
    if callers is not None:
        filters[_HAS_CALLERS] = json.dumps([*callers])
    if customer is not None:
        filters[_HAS_CUSTOMER] = customer
    yield from connection.execute(
        f"SELECT segment, last_ms FROM segments AS at WHERE {' AND '.join(filters)} ORDER BY last_ms DESC",
        (*filters.values(),),
    )


_HAS: Final = "EXISTS (SELECT 1 FROM {}_segments AS its WHERE its.segment = at.segment AND {})"
OF_CALLERS: Final = "caller IN (SELECT value FROM json_each(?))"
_HAS_CALLERS: Final = _HAS.format("caller", OF_CALLERS)
_HAS_CUSTOMER: Final = _HAS.format("customer", "customer = ?")


def forget_before(connection: sqlite3.Connection) -> None:
    """What was kept of records that are gone."""
    (oldest,) = connection.execute("SELECT min(id) FROM records").fetchone()
    if oldest is not None:
        for table in ("segments", "caller_segments", "customer_segments"):
            connection.execute(f"DELETE FROM {table} WHERE segment < ?", (oldest >> BITS,))
