"""Batches of records that a sink did not take yet: a `sinks.Spill`. Any worker delivers them, each once at a time."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import msgspec

from proxy.storage.file import StateFile
from proxy.storage.problems import StateError

log = logging.getLogger("sluice")
T = TypeVar("T")


class KeptBatch(msgspec.Struct, frozen=True):
    id: int
    records: bytes


class WaitingBatches(msgspec.Struct, frozen=True):
    batches: int = 0
    oldest_unix_s: float = 0.0


class SpillTable:
    """Of one worker. Each method raises OSError where the file cannot be used now."""

    def __init__(self, state: StateFile, most_bytes: int) -> None:
        """`most_bytes`: of one sink's batches; beyond that the oldest are dropped, counted and told."""
        self._state = state
        self._most_bytes = most_bytes
        self.dropped = 0
        """Batches."""

    async def keep(self, sink: str, records: bytes, now_unix_s: float) -> None:
        self._count(
            await self._written(lambda connection: self._add(connection, sink, records, now_unix_s)), sink
        )

    def keep_now(self, sink: str, records: bytes, now_unix_s: float) -> None:
        try:
            dropped = self._state.write_now(
                lambda connection: self._add(connection, sink, records, now_unix_s)
            )
        except StateError as problem:
            raise OSError(str(problem)) from problem
        self._count(dropped or 0, sink)

    async def claim(self, sink: str, now_unix_s: float, lease_s: float) -> KeptBatch | None:
        def claim(connection: sqlite3.Connection) -> KeptBatch | None:
            row = connection.execute(
                "UPDATE spilled SET leased_s = ? WHERE id ="
                " (SELECT id FROM spilled WHERE sink = ? AND leased_s < ? ORDER BY id LIMIT 1) RETURNING id, records",
                (now_unix_s + lease_s, sink, now_unix_s),
            ).fetchone()
            return None if row is None else KeptBatch(*row)

        return await self._written(claim)

    async def done(self, id_: int) -> None:
        await self._written(lambda connection: connection.execute("DELETE FROM spilled WHERE id = ?", (id_,)))

    async def release(self, id_: int) -> None:
        await self._written(
            lambda connection: connection.execute("UPDATE spilled SET leased_s = 0 WHERE id = ?", (id_,))
        )

    async def waiting(self, sink: str) -> WaitingBatches:
        def count(connection: sqlite3.Connection) -> WaitingBatches:
            return WaitingBatches(
                *connection.execute(
                    "SELECT count(*), coalesce(min(oldest_s), 0.0) FROM spilled WHERE sink = ?", (sink,)
                ).fetchone()
            )

        try:
            return await self._state.read(count)
        except StateError as problem:
            raise OSError(str(problem)) from problem

    def _add(self, connection: sqlite3.Connection, sink: str, records: bytes, now_unix_s: float) -> int:
        """How many others had to go."""
        connection.execute(
            "INSERT INTO spilled (sink, oldest_s, bytes, records) VALUES (?, ?, ?, ?)",
            (sink, now_unix_s, len(records), records),
        )
        return connection.execute(
            "DELETE FROM spilled WHERE id IN (SELECT id FROM"
            " (SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS newer FROM spilled WHERE sink = ?) WHERE newer > ?)",
            (sink, self._most_bytes),
        ).rowcount

    def _count(self, dropped: int, sink: str) -> None:
        if dropped:
            self.dropped += dropped
            log.warning(
                "sink %s: %d of its batches that waited the longest are lost: too many wait", sink, dropped
            )

    async def _written(self, do: Callable[[sqlite3.Connection], T]) -> T:
        try:
            found = await self._state.write(do)
        except StateError as problem:
            raise OSError(str(problem)) from problem
        return found  # type: ignore[return-value]  # None is for streams alone
