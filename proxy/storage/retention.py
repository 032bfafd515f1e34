"""What is old goes, in small steps: records by age and by the file's size, sums by their day."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

import msgspec
import trio

from proxy.storage.file import StateFile
from proxy.storage.problems import StateError
from proxy.storage.rollups import DAY_S
from proxy.storage.segments import forget_before

EVERY_S: Final = 60.0
"""One look a minute, by one worker of all."""
SOON_S: Final = 1.0
"""While there is more to do."""
STEP_ROWS: Final = 2_000
"""In one transaction: some 20 ms, for which the records wait."""
STEP_PAGES: Final = 1_000
"""Given back to the disk at once: 4 MiB."""
KEPT_WRITERS_S: Final = 7 * DAY_S
"""Numbers of batches of processes that are gone."""


Step: TypeAlias = Callable[[sqlite3.Connection, float], bool]
"""One step, given the Unix seconds; whether there is more to do."""


class RetentionLimits(msgspec.Struct, frozen=True):
    records_s: float = 90 * DAY_S
    """How old records get."""
    size_bytes: int = 4 << 30
    """How large the file gets before the oldest go."""
    days: int = 1_100
    """How long the sums by day are kept."""


class Retention:
    """Of one worker."""

    def __init__(
        self,
        limits: RetentionLimits,
        state: StateFile,
        now: Callable[[], float] = time.time,
        others: Sequence[Step] = (),
    ) -> None:
        """`now`: in Unix seconds. `others`: what else goes."""
        self._limits = limits
        self._state = state
        self._others = others
        self._now = now

    async def run(self) -> None:
        """Until cancelled. What cannot be done now is done later."""
        while True:
            more = False
            with suppress(StateError):
                more = bool(await self._state.write(partial(self.step, self._now())))
            await trio.sleep(SOON_S if more else EVERY_S)

    def step(self, now: float, connection: sqlite3.Connection) -> bool:
        """Whether there is more to do. In the state file's thread."""
        if not _take_turn(connection, now):
            return False
        day = int(now // DAY_S) - self._limits.days
        for table in ("days", "customer_days", "tag_days"):
            connection.execute(f"DELETE FROM {table} WHERE day < ?", (day,))
        connection.execute("DELETE FROM writers WHERE seen_s < ?", (now - KEPT_WRITERS_S,))
        more = [self._forget(connection, now), *(step(connection, now) for step in self._others)]
        if not any(more):
            return False
        connection.execute(_GIVE_UP_TURN)
        return True

    def _forget(self, connection: sqlite3.Connection, now: float) -> bool:
        too_old = int((now - self._limits.records_s) * 1000)
        oldest = connection.execute("SELECT id, ended_ms FROM records ORDER BY id LIMIT 1").fetchone()
        if oldest is None:
            return False
        id_, ended_ms = oldest
        if _used_bytes(connection) > self._limits.size_bytes:
            _delete(connection, id_ + STEP_ROWS, _NEVER_MS)
        elif ended_ms < too_old:
            _delete(connection, id_ + STEP_ROWS, too_old)
        else:
            return False
        for _ in range(STEP_PAGES):  # `sqlite3` steps a pragma that gives no columns once
            connection.execute("PRAGMA incremental_vacuum(1)")
        return True


_NEVER_MS: Final = 1 << 62


def _delete(connection: sqlite3.Connection, before_id: int, before_ms: int) -> None:
    """It is noted until when records are gone: what is counted of later ones can still be proved."""
    which = "FROM records WHERE id < ? AND ended_ms < ?"
    (newest,) = connection.execute(f"SELECT max(ended_ms) {which}", (before_id, before_ms)).fetchone()
    if newest is not None:
        connection.execute(
            "INSERT INTO meta VALUES ('records_gone_ms', ?)"
            " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            (newest,),
        )
    connection.execute(f"DELETE {which}", (before_id, before_ms))
    forget_before(connection)


def gone_until_ms(connection: sqlite3.Connection) -> int | None:
    """Records that ended until then, in Unix milliseconds, may be gone; None: none is."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'records_gone_ms'").fetchone()
    return None if found is None else int(found[0])


_GIVE_UP_TURN: Final = "UPDATE meta SET value = 0 WHERE name = 'tidied_s'"


def _take_turn(connection: sqlite3.Connection, now: float) -> bool:
    """One worker of all has each minute."""
    done = connection.execute(
        "INSERT INTO meta VALUES ('tidied_s', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        " WHERE value NOT BETWEEN excluded.value - ? AND excluded.value",
        (now, EVERY_S / 2),
    )
    return done.rowcount == 1


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Without pages that are free to be used again."""
    ask = connection.execute
    (size,), (pages,), (free,) = (
        ask(f"PRAGMA {name}").fetchone() for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))
