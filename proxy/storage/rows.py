"""Single records, found again."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

import msgspec

from proxy.storage.records import SAID, call_bytes
from proxy.storage.segments import BITS, OF_CALLERS, segments_of
from proxy.types import Cost, Usage

MOST_ROWS: Final = 1_000
"""In one answer."""


class Row(msgspec.Struct, frozen=True):
    """One record as it is kept. Empty texts: there is none."""

    id: int
    call_id: str
    ended_ms: int
    duration_ms: float
    first_byte_ms: float | None
    caller: str
    key: str
    alias: str
    user: str
    team: str
    name: str
    """The model's public name."""
    model: str
    provider: str
    deployment: str
    customer: str | None
    tags: list[str]
    method: str
    route: str
    status: int
    outcome: str
    error: str | None
    attempts: int
    fallbacks: int
    stream: bool
    request_bytes: int
    response_bytes: int
    usage: Usage | None
    estimated: bool
    spend: int | None
    cost: Cost | None
    request: str | None
    """What was asked, where it is kept."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """None: any."""

    call_id: str | None = None
    key: str | None = None
    user: str | None = None
    team: str | None = None
    customer: str | None = None
    first_ms: int = 0
    last_ms: int = 1 << 53
    """By the end of the request; both are included."""
    limit: int = MOST_ROWS
    skip: int = 0


_SHOWN: Final = [
    f"json_extract(said, '$[{at}]') * 1000 AS {field[:-1]}ms"
    if field.endswith("_s")
    else f"json_extract(said, '$[{at}]') AS {field}"
    for at, field in enumerate(SAID)
]
REQUESTS: Final = (
    "(SELECT id, call_id, ended_ms, caller, model, customer, tags, spend, "
    + ", ".join(_SHOWN)
    + " FROM records)"
)
"""As the view `requests`, which is for other programs: here a schema is not trusted to call functions."""
_SELECT: Final = f"""\
SELECT records.id, lower(hex(records.call_id)), ended_ms, duration_ms, first_byte_ms, callers.name, key, alias, user,
    team, models.name, models.model, provider, deployment, customer, tags, method, route, status, outcome, error,
    attempts, fallbacks, stream, request_bytes, response_bytes, usage, estimated, spend, cost, prompts.request
FROM {REQUESTS} AS records JOIN callers ON callers.id = caller JOIN models ON models.id = records.model
    LEFT JOIN prompts ON prompts.call_id = records.call_id"""
_decode_tags = msgspec.json.Decoder(list[str]).decode
_decode_usage = msgspec.json.Decoder(Usage).decode
_decode_cost = msgspec.json.Decoder(Cost).decode


def found(connection: sqlite3.Connection, wanted: Wanted) -> list[Row]:
    """The newest first."""
    ids = _by_call(connection, wanted) if wanted.call_id is not None else _by_time(connection, wanted)
    if not ids:
        return []
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(
        f"{_SELECT} WHERE records.id IN ({marks}) ORDER BY ended_ms DESC, records.id DESC", ids
    )
    return [_row(row) for row in rows]


def _by_call(connection: sqlite3.Connection, wanted: Wanted) -> list[int]:
    callers = _callers(connection, wanted)
    rows = connection.execute(
        "SELECT id, caller FROM records WHERE call_id = ? LIMIT ?",
        (call_bytes(wanted.call_id or ""), MOST_ROWS),
    ).fetchall()
    return [id_ for id_, caller in rows if callers is None or caller in callers]


def _by_time(connection: sqlite3.Connection, wanted: Wanted) -> list[int]:
    callers = _callers(connection, wanted)
    most = wanted.skip + min(wanted.limit, MOST_ROWS)
    if callers is None and wanted.customer is None:
        newest = connection.execute(
            "SELECT ended_ms, id FROM records WHERE ended_ms BETWEEN ? AND ? ORDER BY ended_ms DESC LIMIT ?",
            (*_times(wanted), most),
        ).fetchall()
    else:
        newest = _newest_of(connection, callers, wanted, most)
    return [id_ for _, id_ in sorted(newest, reverse=True)[wanted.skip : most]]


def _newest_of(
    connection: sqlite3.Connection, callers: list[int] | None, wanted: Wanted, most: int
) -> list[tuple[int, int]]:
    """Segment by segment, until all that follow ended before those that are found."""
    newest: list[tuple[int, int]] = []
    filters: dict[str, object] = {}
    if callers is not None:
        filters[OF_CALLERS] = json.dumps(callers)
    if wanted.customer is not None:
        filters["customer = ?"] = wanted.customer
    question = " AND ".join((_IN_SEGMENT, *filters))
    for segment, last_ms in segments_of(connection, callers, wanted.customer, *_times(wanted)):
        if len(newest) >= most and newest[most - 1][0] > last_ms:
            break
        ids = segment << BITS, ((segment + 1) << BITS) - 1
        newest += connection.execute(question, (*ids, *_times(wanted), *filters.values()))
        newest.sort(reverse=True)
    return newest


_IN_SEGMENT: Final = "SELECT ended_ms, id FROM records WHERE id BETWEEN ? AND ? AND +ended_ms BETWEEN ? AND ?"
"""With a plus there is no index for the time: the segment's rows are read in their order."""


def _times(wanted: Wanted) -> tuple[int, int]:
    return wanted.first_ms, wanted.last_ms


def _callers(connection: sqlite3.Connection, wanted: Wanted) -> list[int] | None:
    """None: all."""
    asked = {
        column: value for column in ("key", "user", "team") if (value := getattr(wanted, column)) is not None
    }
    if not asked:
        return None
    where = " AND ".join(f"{column} = ?" for column in asked)
    return [id_ for (id_,) in connection.execute(f"SELECT id FROM callers WHERE {where}", (*asked.values(),))]


def _row(row: tuple[object, ...]) -> Row:
    id_, call, *fields = row
    names = Row.__struct_fields__[2:]
    said = dict(zip(names, fields, strict=True))
    said["tags"] = [] if said["tags"] is None else _decode_tags(str(said["tags"]))
    said["usage"] = None if said["usage"] is None else _decode_usage(str(said["usage"]))
    said["cost"] = None if said["cost"] is None else _decode_cost(str(said["cost"]))
    return msgspec.convert({"id": id_, "call_id": _uuid(str(call)), **said}, Row, strict=False)


def _uuid(hex_: str) -> str:
    if len(hex_) != 32:
        return bytes.fromhex(hex_).decode("utf-8", "replace")
    return f"{hex_[:8]}-{hex_[8:12]}-{hex_[12:16]}-{hex_[16:20]}-{hex_[20:]}"
