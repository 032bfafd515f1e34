"""Which project holds an object, for all workers and over restarts: a cache in each, the table behind it.

What a worker sees made is written behind it, within some 20 ms, and others hear of it by their next look. What is older
is looked up when it is asked for.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

import msgspec
import trio

from proxy.routing.affinity import ID_LIMIT_CHARS, MemoryStore
from proxy.storage.file import RETRY_S, StateFile
from proxy.storage.problems import StateError

POLL_S: Final = 0.25
"""Between two looks at what others made: some 0.1 ms in a thread."""
TELL_S: Final = 0.02
"""Until what was made is written, with what was made meanwhile."""
MOST_NEWS: Final = 5_000
"""In one look; the rest in the next."""
MOST_SOUGHT: Final = 4_096
"""Ids of one request, of which each may be another's."""
MOST_STRANGERS: Final = 10_000
"""Ids that nobody made here, remembered so that they are not looked for again."""
TOUCH_S: Final = 86_400
"""How often it is noted that an object is used."""
GONE: Final = ""
"""In place of a scope."""
STEP: Final = 2_000
"""Rows written, or deleted, in one transaction."""
Row: TypeAlias = tuple[str, str, bytes]
"""Id, scope, owner."""


class ObjectLimits(msgspec.Struct, frozen=True):
    cached: int = 100_000
    """In this process."""
    kept: int = 1_000_000
    """In the file; the longest unused go first."""
    kept_s: float = 400 * 86_400
    """Unused, in the file."""


class StoredObjects:
    """A `routing.affinity.ObjectStore`."""

    def __init__(
        self, state: StateFile, limits: ObjectLimits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock`: in Unix seconds."""
        limits = limits or ObjectLimits()
        self._state = state
        self._cache = MemoryStore(limits.cached)
        self._clock = clock
        self.missed: list[str] = []
        self._strangers: OrderedDict[str, None] = OrderedDict()
        self._touched: OrderedDict[str, float] = OrderedDict()
        self._most = limits.cached
        self._telling: dict[str, tuple[str, bytes]] = {}
        self._fresh: dict[str, tuple[str, bytes]] = {}
        """To be written; until it is, what others say of these is older."""
        self._come = trio.Event()
        self._heard: int | None = None
        """The highest number that was heard of; None: nothing was looked at yet."""
        self._exchanged = 0
        self._any_stored = False

    # -- for the router

    def get(self, object_id: str) -> str | None:
        scope = self._cache.get(object_id)
        if scope is None:
            if object_id not in self._strangers and len(object_id) <= ID_LIMIT_CHARS:
                self.missed.append(object_id)
            return None
        if self.missed:
            self.missed.clear()  # this one decides
        now = self._clock()
        if self._touched.get(object_id, 0.0) < now - TOUCH_S:
            self._touch(object_id, now)
        return scope

    def owner(self, object_id: str) -> bytes | None:
        found = self._cache.owner(object_id)
        if found is None and object_id not in self._strangers and len(object_id) <= ID_LIMIT_CHARS:
            self.missed.append(object_id)
        return found

    def put(self, object_id: str, scope: str, owner: bytes = b"") -> None:
        if len(object_id) > ID_LIMIT_CHARS:
            return
        if self._cache.get(object_id) != scope or (owner and not self._cache.owner(object_id)):
            self._write(object_id, scope, owner)
            self._note_touched(object_id, self._clock())
        self._cache.put(object_id, scope, owner)
        self._strangers.pop(object_id, None)

    def forget(self, object_id: str) -> None:
        self._cache.forget(object_id)
        self._write(object_id, GONE, b"")

    def __len__(self) -> int:
        return len(self._cache) or int(self._any_stored)

    # -- for the pipeline

    async def seek(self) -> bool:
        """Whether any of the ids that were missed is in the file; those are known then."""
        names, self.missed[:] = self.missed[:MOST_SOUGHT], []
        try:
            found = await self._state.read(partial(find, ids=names))
        except StateError:
            return False
        self._learn(found)
        for name in set(names) - {id_ for id_, _, _ in found}:
            self._note_stranger(name)
        return any(scope != GONE for _, scope, _ in found)

    async def hear(self) -> None:
        """As `refresh`; while the file cannot be read, what is known holds on."""
        with suppress(StateError):
            await self.refresh()

    # -- for the worker

    async def run(self) -> None:
        """Hears what others made and tells what was made here, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear)
            nursery.start_soon(self._tell)

    async def _hear(self) -> None:
        while True:
            await self.hear()
            await trio.sleep(POLL_S)

    async def _tell(self) -> None:
        while True:
            await self._come.wait()
            await trio.sleep(TELL_S)
            self._come = trio.Event()
            while self._fresh:
                try:
                    await self._state.write(partial(put, rows=self._unwritten(), now=self._clock()))
                except StateError:
                    await trio.sleep(RETRY_S)
                else:
                    self._written()

    def finish(self) -> None:
        """Writes what is left, once `run` has ended. Raises StateError."""
        while self._fresh:
            self._state.write_now(partial(put, rows=self._unwritten(), now=self._clock()))
            self._written()

    async def refresh(self) -> None:
        """What others wrote before is known when it returns. Raises StateError."""
        exchanged = self._state.status().exchanged
        if exchanged != self._exchanged:
            self._heard, self._exchanged = None, exchanged
        if self._heard is None:
            self._heard, self._any_stored = await self._state.read(newest)
            return
        self._heard, rows = await self._state.read(partial(news, after=self._heard))
        self._learn(rows)

    # -- within

    def _learn(self, rows: Sequence[Row]) -> None:
        for object_id, scope, owner in rows:
            if object_id in self._fresh:
                continue  # what this worker has to say of it is newer
            self._any_stored = True
            if scope == GONE:
                self._cache.forget(object_id)
            else:
                self._cache.forget(object_id)  # the file's word on whose it is comes before this worker's
                self._cache.put(object_id, scope, owner)
            self._strangers.pop(object_id, None)

    def _write(self, object_id: str, scope: str, owner: bytes) -> None:
        if object_id not in self._fresh and len(self._fresh) >= self._most:
            return  # the state file is away for long: what is made now is remembered here
        self._fresh[object_id] = (scope, owner)
        self._come.set()

    def _unwritten(self) -> list[Row]:
        self._telling = dict(islice(self._fresh.items(), STEP))
        return [(object_id, *said) for object_id, said in self._telling.items()]

    def _written(self) -> None:
        for object_id, said in self._telling.items():
            if self._fresh[object_id] is said:  # else it was said anew meanwhile
                del self._fresh[object_id]

    def _touch(self, object_id: str, now: float) -> None:
        self._note_touched(object_id, now)
        self._state.post(partial(touch, object_id=object_id, now=now))

    def _note_touched(self, object_id: str, now: float) -> None:
        self._touched[object_id] = now
        self._touched.move_to_end(object_id)
        if len(self._touched) > self._most:
            self._touched.popitem(last=False)

    def _note_stranger(self, object_id: str) -> None:
        self._strangers[object_id] = None
        if len(self._strangers) > MOST_STRANGERS:
            self._strangers.popitem(last=False)


def put(connection: sqlite3.Connection, rows: Sequence[Row], now: float) -> None:
    """Who owns one goes on owning it; what was nobody's may become somebody's."""
    connection.executemany(
        "INSERT OR REPLACE INTO objects (id, scope, owner, used_s) VALUES (?1, ?2, coalesce("
        "(SELECT owner FROM objects WHERE id = ?1 AND scope != '' AND owner != x'' AND ?2 != ''), ?3), ?4)",
        [(*row, int(now)) for row in rows],
    )


def touch(connection: sqlite3.Connection, object_id: str, now: float) -> None:
    """It is used: it is not old."""
    connection.execute("UPDATE objects SET used_s = ? WHERE id = ?", (int(now), object_id))


def newest(connection: sqlite3.Connection) -> tuple[int, bool]:
    """The highest number, and whether there are any."""
    (number,) = connection.execute("SELECT max(number) FROM objects").fetchone()
    return number or 0, number is not None


def news(connection: sqlite3.Connection, after: int) -> tuple[int, list[Row]]:
    """The highest number of those that are told, and these."""
    rows = connection.execute(
        "SELECT number, id, scope, owner FROM objects WHERE number > ? ORDER BY number LIMIT ?",
        (after, MOST_NEWS),
    ).fetchall()
    return (rows[-1][0] if rows else after), [row[1:] for row in rows]


def find(connection: sqlite3.Connection, ids: Sequence[str]) -> list[Row]:
    marks = ", ".join("?" * len(ids))
    return connection.execute(f"SELECT id, scope, owner FROM objects WHERE id IN ({marks})", ids).fetchall()


def tidy(limits: ObjectLimits, connection: sqlite3.Connection, now: float) -> bool:
    """One step (`storage.retention.Step`); whether there is more to do."""
    (count,) = connection.execute("SELECT count(*) FROM objects").fetchone()
    surplus = min(STEP, max(0, count - limits.kept))
    gone = connection.execute(
        "DELETE FROM objects WHERE number IN ("
        " SELECT number FROM objects WHERE used_s < ? ORDER BY used_s LIMIT ?)",
        (int(now - limits.kept_s), STEP),
    ).rowcount
    gone += connection.execute(
        "DELETE FROM objects WHERE scope = '' AND used_s < ?", (int(now - TOUCH_S),)
    ).rowcount
    if surplus > gone:
        gone += connection.execute(
            "DELETE FROM objects WHERE number IN (SELECT number FROM objects ORDER BY used_s LIMIT ?)",
            (surplus - gone,),
        ).rowcount
    return gone >= STEP
