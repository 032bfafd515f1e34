"""Records as rows: a consumer of the bus that writes them in batches, with what they add up to, in one transaction.

Spend counters are written beside them: what a key has spent and the sum of its records cannot come apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
import trio

from proxy.accounting.record import Record
from proxy.storage.bulk import Insert, run
from proxy.storage.file import RETRY_S, StateFile, Stream
from proxy.storage.names import Names, What, what_of, who_of
from proxy.storage.problems import StateError
from proxy.storage.rollups import Sums
from proxy.types import Deployment

BATCH_RECORDS: Final = 2_000
"""In one transaction: beyond that it costs each row no less."""
_encode = msgspec.json.Encoder().encode
_INSERT: Final = Insert(
    "records",
    (
        "call_id", "ended_ms", "duration_ms", "first_byte_ms", "caller", "model", "customer", "tags", "method", "route",
        "status", "outcome", "error", "attempts", "fallbacks", "stream", "request_bytes", "response_bytes", "usage",
        "estimated", "spend", "cost",
    ),
)  # fmt: skip
_SLICE: Final = 64
"""Records made into rows at once, which takes Python's lock for 0.2 ms."""

Find = Callable[[str], Deployment | None]
"""By id."""


class RowLimits(msgspec.Struct, frozen=True):
    queue: int = 50_000
    """Records that wait."""
    flush_s: float = 0.2
    """Between two transactions, so that there are enough records for one."""


class Beside(Protocol):
    """What is written with the records, or not at all."""

    def write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        """In the transaction. It may be called again for the same records, after one that failed."""

    def written(self, records: Sequence[Record]) -> None:
        """Once they are on the disk; in any thread."""


class RecordRows:
    """An `accounting.bus.Consumer`."""

    name = "state"
    linger_s = 0.0

    def __init__(
        self, state: StateFile, limits: RowLimits | None = None, beside: Sequence[Beside] = ()
    ) -> None:
        self._limits = limits or RowLimits()
        self.limit = self._limits.queue
        self.batch = BATCH_RECORDS
        self._state = state
        self._beside = beside
        self._stream = Stream()
        self._names = Names()
        self._connection: sqlite3.Connection | None = None
        self._find: Find = _nobody
        self._is_page: Callable[[str], bool] = _none
        self._not_before = 0.0
        self._begun: int | None = None
        """How many records the batch has that is being written; None: there is none."""

    def watch(self, find: Find, is_page: Callable[[str], bool]) -> None:
        """`find`: a deployment. `is_page`: whether a route is one of the gateway's own, which cost nothing."""
        self._find, self._is_page = find, is_page

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        """Waits until the file takes them, however long."""
        await trio.sleep_until(self._not_before)
        self._begin(records)
        while True:
            try:
                await self._state.write(partial(self._write, records), self._stream)
            except StateError:
                await trio.sleep(RETRY_S)
            else:
                break
        self._not_before = trio.current_time() + self._limits.flush_s
        self._end(records)

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        """One trial each for what was being written, and for the rest. Raises StateError."""
        rest = self._begun or 0
        for part in (records[:rest], records[rest:]):
            if part:
                self._begin(part)
                self._state.write_now(partial(self._write, part), self._stream)
                self._end(part)

    def _begin(self, records: Sequence[Record]) -> None:
        """A batch that was cut off keeps its number: it may be written."""
        if self._begun is None:
            self._stream.begin()
            self._begun = len(records)

    def _end(self, records: Sequence[Record]) -> None:
        self._begun = None
        for beside in self._beside:
            beside.written(records)

    def _write(self, records: Sequence[Record], connection: sqlite3.Connection) -> None:
        """In the state file's thread."""
        if connection is not self._connection:
            self._names.forget()
            self._connection = connection
        try:
            self._insert_any([record for record in records if self._is_wanted(record)], connection)
            for beside in self._beside:
                beside.write(connection, records)
        except BaseException:
            self._names.forget()  # those that were new are rolled back
            raise

    def _is_wanted(self, record: Record) -> bool:
        """Those whose sender is known, but for pages: what strangers send fills no disk."""
        return record.caller is not None and (record.attempts > 0 or not self._is_page(record.route))

    def _insert_any(self, records: Sequence[Record], connection: sqlite3.Connection) -> None:
        """Texts that have no UTF-8 form get one: they cost no other record its row."""
        connection.execute("SAVEPOINT rows")
        try:
            self._insert(records, connection)
        except UnicodeEncodeError:
            connection.execute("ROLLBACK TO rows")
            self._names.forget()
            self._insert([_utf8(record) for record in records], connection)
        connection.execute("RELEASE rows")

    def _insert(self, records: Sequence[Record], connection: sqlite3.Connection) -> None:
        sums = Sums()
        for at in range(0, len(records), _SLICE):
            rows = [self._row(record, connection, sums) for record in records[at : at + _SLICE]]
            run(connection, _INSERT, rows)
        sums.write(connection)

    def _row(self, record: Record, connection: sqlite3.Connection, sums: Sums) -> tuple[object, ...]:
        caller = self._names.caller(connection, who_of(record))
        model = self._names.model(connection, self._what(record))
        ended_ms = int((record.started_unix_s + record.duration_s) * 1000)
        sums.add(record, ended_ms, caller, model)
        return _row(record, ended_ms, caller, model)

    def _what(self, record: Record) -> What:
        return what_of(record, self._find(record.deployment_id) if record.deployment_id else None)


def _row(record: Record, ended_ms: int, caller: int, model: int) -> tuple[object, ...]:
    cost, first_byte_s = record.cost, record.first_byte_s
    return (
        call_bytes(record.call_id),
        ended_ms,
        record.duration_s * 1000,
        None if first_byte_s is None else first_byte_s * 1000,
        caller,
        model,
        record.customer,
        _text(record.tags) if record.tags else None,
        record.method,
        record.route,
        record.status,
        record.outcome.value,
        record.error,
        record.attempts,
        record.fallbacks,
        record.stream,
        record.request_bytes,
        record.response_bytes,
        None if record.usage is None else _text(record.usage),
        record.estimated,
        None if cost is None else cost.total,
        None if cost is None else _text(cost),
    )


def _utf8(record: Record) -> Record:
    texts = {name: value for name, value in msgspec.structs.asdict(record).items() if isinstance(value, str)}
    fit = {name: _replaced(text) for name, text in texts.items()}
    return msgspec.structs.replace(record, **fit, tags=tuple(map(_replaced, record.tags)))


def _replaced(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _text(value: object) -> str:
    return _encode(value).decode()


def call_bytes(call_id: str) -> bytes:
    """A UUID's sixteen; of another text its own."""
    try:
        return bytes.fromhex(call_id.replace("-", ""))
    except ValueError:
        return call_id.encode()


def _nobody(_deployment_id: str) -> None:
    return None


def _none(_route: str) -> bool:
    return False
