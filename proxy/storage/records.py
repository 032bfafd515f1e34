"""Records as rows: a consumer of the bus that writes them in batches, with what they add up to, in one transaction.

Spend counters are written beside them: what a key has spent and the sum of its records cannot come apart.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Final, Protocol

import msgspec
import trio

from proxy.accounting.record import Record
from proxy.storage.bulk import Insert, run
from proxy.storage.file import RETRY_S, StateFile, Stream
from proxy.storage.names import Names, what_of, who_of
from proxy.storage.problems import StateError
from proxy.storage.rollups import DAY_S, Sums
from proxy.storage.segments import Segments, Written
from proxy.types import Deployment

BATCH_RECORDS: Final = 2_000
"""In one transaction: beyond that it costs each row no less."""
_encode = msgspec.json.Encoder().encode
_INSERT: Final = Insert(
    "records", ("call_id", "ended_ms", "caller", "model", "customer", "tags", "spend", "said")
)
SAID: Final = (
    "duration_s", "first_byte_s", "method", "route", "status", "outcome", "error", "attempts", "fallbacks", "stream",
    "request_bytes", "response_bytes", "usage", "estimated", "cost",
)  # fmt: skip
"""What a row says besides, in the order of the view `requests`."""
_said = attrgetter(*SAID)
_alike = attrgetter(
    "caller", "key", "key_alias", "user", "team", "model_asked", "model_served", "deployment_id"
)
"""Records that have these in common are of one caller and one model (`storage.names`)."""
_SLICE: Final = 64
"""Records made into rows at once, which takes Python's lock for 0.2 ms."""
_PAUSE_S: Final = 0.0001
"""After each slice: the loop has the processor's core then, which it may have to share with this thread. Others who
write wait for it too: it comes to some 5 ms in a whole batch."""
_DAY_MS: Final = DAY_S * 1000

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
        self._segments = Segments()
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
                await self._state.write(partial(self._write, records, _PAUSE_S), self._stream)
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
                self._state.write_now(partial(self._write, part, 0.0), self._stream)
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

    def _write(self, records: Sequence[Record], pause_s: float, connection: sqlite3.Connection) -> None:
        """In the state file's thread."""
        if connection is not self._connection:
            self._forget()
            self._connection = connection
        try:
            wanted = [record for record in records if self._is_wanted(record)]
            if wanted:
                self._insert_any(wanted, pause_s, connection)
            for beside in self._beside:
                beside.write(connection, records)
        except BaseException:
            self._forget()  # those that were new are rolled back
            raise

    def _forget(self) -> None:
        self._names.forget()
        self._segments.forget()

    def _is_wanted(self, record: Record) -> bool:
        """Those whose sender is known, but for pages: what strangers send fills no disk."""
        return record.caller is not None and (record.attempts > 0 or not self._is_page(record.route))

    def _insert_any(self, records: Sequence[Record], pause_s: float, connection: sqlite3.Connection) -> None:
        """Texts that have no UTF-8 form get one: they cost no other record its row."""
        connection.execute("SAVEPOINT rows")
        try:
            self._insert(records, pause_s, connection)
        except UnicodeEncodeError:
            connection.execute("ROLLBACK TO rows")
            self._forget()
            self._insert([_utf8(record) for record in records], pause_s, connection)
        connection.execute("RELEASE rows")

    def _insert(self, records: Sequence[Record], pause_s: float, connection: sqlite3.Connection) -> None:
        batch = _Batch(self._names, self._find, connection)
        for at in range(0, len(records), _SLICE):
            run(connection, _INSERT, [batch.row(record) for record in records[at : at + _SLICE]])
            if pause_s:
                time.sleep(pause_s)
        batch.add_up()
        self._segments.note(connection, batch.written())


class _Batch:
    """Of one transaction."""

    def __init__(self, names: Names, find: Find, connection: sqlite3.Connection) -> None:
        self._names = names
        self._find = find
        self._connection = connection
        self._alike: dict[tuple[int, object], _Alike] = {}
        self._ended_ms: list[int] = []

    def row(self, record: Record) -> tuple[object, ...]:
        ended_ms = int((record.started_unix_s + record.duration_s) * 1000)
        self._ended_ms.append(ended_ms)
        key = ended_ms // _DAY_MS, _alike(record)
        alike = self._alike.get(key) or self._add(key, record)
        alike.records.append(record)
        return (
            call_bytes(record.call_id),
            ended_ms,
            alike.caller,
            alike.model,
            record.customer,
            _encode(record.tags).decode() if record.tags else None,
            None if record.cost is None else record.cost.total,
            _encode(_said(record)).decode(),
        )

    def _add(self, key: tuple[int, object], record: Record) -> _Alike:
        deployment = self._find(record.deployment_id) if record.deployment_id else None
        caller = self._names.caller(self._connection, who_of(record))
        model = self._names.model(self._connection, what_of(record, deployment))
        found = self._alike[key] = _Alike(key[0], caller, model)
        return found

    def add_up(self) -> None:
        sums = Sums()
        for each in self._alike.values():
            sums.add(each.day, each.caller, each.model, each.records)
        sums.write(self._connection)

    def written(self) -> Written:
        """Once it is."""
        (last_id,) = self._connection.execute("SELECT max(id) FROM records").fetchone()
        alike = self._alike.values()
        customers = {one.customer for each in alike for one in each.records if one.customer is not None}
        return Written(last_id, self._ended_ms, {each.caller for each in alike}, customers)


class _Alike:
    """Records of one day, caller and model."""

    __slots__ = ("caller", "day", "model", "records")

    def __init__(self, day: int, caller: int, model: int) -> None:
        self.day, self.caller, self.model = day, caller, model
        self.records: list[Record] = []


def _utf8(record: Record) -> Record:
    texts = {name: value for name, value in msgspec.structs.asdict(record).items() if isinstance(value, str)}
    fit = {name: _replaced(text) for name, text in texts.items()}
    return msgspec.structs.replace(record, **fit, tags=tuple(map(_replaced, record.tags)))


def _replaced(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


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
