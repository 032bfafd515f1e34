"""Whether all that is counted is the sum of the records: the sums by day, and what everybody has spent.

All of it is read as of one moment. Records, sums and counters are written in one transaction: they agree whoever writes
meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from proxy.accounting.record import Record
from proxy.limits.subjects import EVERYBODY, Payers, subject, subjects_of
from proxy.storage import spend
from proxy.storage.retention import gone_until_ms
from proxy.storage.rollups import DAY_S, NAME_CHARS, Sums
from proxy.storage.rows import REQUESTS
from proxy.types import Cost, Outcome, Usage

DAY_MS: Final = DAY_S * 1000
QUARTER_S: Final = 900
"""What counters of long ago are summed up to (`storage.spend`)."""
MOST_TOLD: Final = 1_000
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_usage = msgspec.json.Decoder(Usage).decode
_decode_cost = msgspec.json.Decoder(Cost).decode


class Difference(msgspec.Struct, frozen=True):
    of: str
    """For people."""
    counted: int
    """Nano-dollars."""
    records: int


class Audit(msgspec.Struct, frozen=True):
    records: int
    spend: int
    """Of all records, in nano-dollars."""
    first_day: int
    """From which on all records are there; before it some are gone by their age, or the file's size."""
    sums: int
    """Lines of sums by day that were compared."""
    counters: int
    """Subjects whose counters were compared."""
    wrong_days: tuple[int, ...]
    """Whose sums are not those of the records."""
    wrong_counters: tuple[Difference, ...]

    @property
    def balanced(self) -> bool:
        return not self.wrong_days and not self.wrong_counters


def audit(connection: sqlite3.Connection) -> Audit:
    """In a transaction. It reads every record: some 100,000 a second."""
    count, spent = connection.execute("SELECT count(*), coalesce(sum(spend), 0) FROM records").fetchone()
    first_day = _first_whole_day(connection)
    found, names = _differences(connection)
    (sums,) = connection.execute("SELECT count(*) FROM days WHERE day >= ?", (first_day,)).fetchone()
    (counters,) = connection.execute("SELECT count(DISTINCT subject) FROM spend").fetchone()
    return Audit(
        records=count,
        spend=spent,
        first_day=first_day,
        sums=sums,
        counters=counters,
        wrong_days=tuple(_wrong_days(connection, first_day)),
        wrong_counters=tuple(_told(connection, found, names)),
    )


def mend(connection: sqlite3.Connection, now: float) -> Audit:
    """Sums and counters become those of the records, in this transaction. What was wrong before."""
    before = audit(connection)
    for day in before.wrong_days:
        _add_up_anew(connection, day)
    spend.mend(connection, _differences(connection)[0], now)
    return before


def _first_whole_day(connection: sqlite3.Connection) -> int:
    gone_ms = gone_until_ms(connection)
    return 0 if gone_ms is None else gone_ms // DAY_MS + 1


def _wrong_days(connection: sqlite3.Connection, first_day: int) -> list[int]:
    """Lines that only one side has, on either."""
    wrong: set[int] = set()
    for sums, added_up in _SIDES:
        for left, right in ((sums, added_up), (added_up, sums)):
            rows = connection.execute(
                f"SELECT DISTINCT day FROM ({left} EXCEPT {right})", {"first": first_day}
            )
            wrong |= {day for (day,) in rows}
    return sorted(wrong)


_ADDED_UP: Final = "count(*), coalesce(sum(spend), 0) FROM records WHERE ended_ms >= :first * 86400000"
_SIDES: Final = (
    (
        "SELECT day, caller, model, requests, spend FROM days WHERE day >= :first",
        f"SELECT ended_ms / 86400000 AS day, caller, model, {_ADDED_UP} GROUP BY 1, 2, 3",
    ),
    (
        "SELECT day, caller, customer, requests, spend FROM customer_days WHERE day >= :first",
        (
            f"SELECT ended_ms / 86400000 AS day, caller, substr(customer, 1, {NAME_CHARS}), {_ADDED_UP}"
            " AND customer IS NOT NULL GROUP BY 1, 2, 3"
        ),
    ),
    (
        "SELECT day, caller, tag, requests, spend FROM tag_days WHERE day >= :first",
        (
            "SELECT ended_ms / 86400000 AS day, caller, tag, count(*), coalesce(sum(spend), 0) FROM ("
            f" SELECT DISTINCT records.id, ended_ms, caller, spend, substr(each.value, 1, {NAME_CHARS}) AS tag"
            " FROM records, json_each(tags) AS each WHERE ended_ms >= :first * 86400000 AND tags IS NOT NULL"
            ") GROUP BY 1, 2, 3"
        ),
    ),
)
"""What is kept, and what the records add up to."""


def _differences(connection: sqlite3.Connection) -> tuple[dict[bytes, int], dict[bytes, tuple[str, int]]]:
    """Counted above what the records say, for those for whom it is not equal; and names with the records' sums."""
    gone_ms = gone_until_ms(connection)
    since_s = 0 if gone_ms is None else -(-(gone_ms + 1) // (QUARTER_S * 1000)) * QUARTER_S
    sums: dict[bytes, int] = {}
    names: dict[bytes, tuple[str, int]] = {}
    for payers, model, nano in _paid(connection, since_s):
        for whose in subjects_of(payers, model):
            sums[whose] = sums.get(whose, 0) + nano
        names |= _named(payers, model)
    minute = since_s // spend.MINUTE_S
    found = spend.differences(connection, {(whose, minute): nano for whose, nano in sums.items()}, since_s)
    return found, {whose: (name, sums[whose]) for whose, (name, _) in names.items()}


def _paid(connection: sqlite3.Connection, since_s: int) -> Iterator[tuple[Payers, str, int]]:
    """What was spent since then, by who paid and the model asked for."""
    rows = connection.execute(
        "SELECT key, user, team, customer, tags, models.name, nano FROM ("
        " SELECT caller, model AS used, customer, tags, sum(spend) AS nano FROM records"
        " WHERE ended_ms >= ? AND spend IS NOT NULL GROUP BY 1, 2, 3, 4"
        ") JOIN callers ON callers.id = caller JOIN models ON models.id = used",
        (since_s * 1000,),
    )
    for key, user, team, customer, tags, name, nano in rows:
        said = () if tags is None else _decode_tags(tags)
        yield Payers(key or None, user or None, team or None, customer, said), name, nano


def _named(payers: Payers, model: str) -> dict[bytes, tuple[str, int]]:
    """For people: `key 3f..`, `team blue asking gpt-4o`."""
    found: dict[bytes, tuple[str, int]] = {EVERYBODY: ("everybody", 0)}
    for kind, name in payers.named():
        found[subject(kind, name)] = (f"{kind} {name}", 0)
        found[subject(kind, name, model=model)] = (f"{kind} {name} asking {model}", 0)
    if payers.member is not None:
        found[subject("member", payers.member)] = (f"user {payers.user} in team {payers.team}", 0)
    for tag in payers.tags:
        found[subject("tag", tag)] = (f"tag {tag}", 0)
    return found


def _told(
    connection: sqlite3.Connection, found: dict[bytes, int], names: dict[bytes, tuple[str, int]]
) -> Iterator[Difference]:
    for whose, difference in sorted(found.items(), key=lambda one: -abs(one[1]))[:MOST_TOLD]:
        name, records = names.get(whose, (f"somebody without records ({whose.hex()})", 0))
        yield Difference(name, records + difference, records)


def _add_up_anew(connection: sqlite3.Connection, day: int) -> None:
    for table in ("days", "customer_days", "tag_days"):
        connection.execute(f"DELETE FROM {table} WHERE day = ?", (day,))
    sums = Sums()
    rows = connection.execute(
        "SELECT ended_ms, duration_ms, caller, model, customer, tags, outcome, usage, estimated, cost"
        f" FROM {REQUESTS} WHERE ended_ms BETWEEN ? AND ?",
        (day * DAY_MS, (day + 1) * DAY_MS - 1),
    )
    for row in rows:
        sums.add(day, row[2], row[3], [_record(row)])
    sums.write(connection)


def _record(row: Sequence[Any]) -> Record:
    """As far as it is added up."""
    _, duration_ms, _, _, customer, tags, outcome, usage, estimated, cost = row
    return Record(
        call_id="",
        started_unix_s=0.0,
        method="",
        route="",
        duration_s=duration_ms / 1000,
        customer=customer,
        tags=() if tags is None else _decode_tags(tags),
        outcome=Outcome(outcome),
        usage=None if usage is None else _decode_usage(usage),
        estimated=bool(estimated),
        cost=None if cost is None else _decode_cost(cost),
    )
