"""What was said in conversations of /responses, for whoever goes on from an answer by its id: in the state file, and in
this process until it is written there."""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import trio
from msgspec import Raw

from proxy.storage.file import StateFile
from proxy.storage.problems import StateError
from proxy.storage.rollups import DAY_S

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one conversation, as JSON: a longer one is not kept, and cannot be gone on from."""
RECENT_BYTES: Final = 16 * 1024 * 1024
"""Of those that this process remembers itself."""
WAIT_S: Final = 0.5
"""For another worker's to be written: once, and only where an answer is not found."""
STEP: Final = 200
"""Deleted in one transaction."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Raw, ...]).decode


class ConversationLimits(msgspec.Struct, frozen=True):
    kept: int = 100_000
    """In the file; the oldest go first."""
    kept_s: float = 30 * DAY_S


class StoredConversations:
    """A `gateway.trying.before.Conversations`; one per worker."""

    def __init__(self, state: StateFile, clock: Callable[[], float] = time.time) -> None:
        """`clock`: in Unix seconds."""
        self._state = state
        self._clock = clock
        self._recent: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()
        self._recent_bytes = 0

    def keep(self, owner: bytes, id_: str, items: Sequence[object]) -> None:
        """Soon. One that is too long is not kept."""
        body = _encode(items)
        if len(body) > MOST_BYTES:
            return
        self._remember(id_, owner, body)
        self._state.post(partial(_write, id_, owner, int(self._clock()), body))

    async def find(self, owner: bytes, id_: str) -> tuple[Raw, ...] | None:
        """None: there is none of this owner's."""
        held = self._recent.get(id_)
        if held is not None:
            return _decode(held[1]) if held[0] == owner else None
        found = await self._read(owner, id_)
        if found is None:
            await trio.sleep(WAIT_S)
            found = await self._read(owner, id_)
        return found

    async def _read(self, owner: bytes, id_: str) -> tuple[Raw, ...] | None:
        try:
            body = await self._state.read(partial(_read, id_, owner))
        except StateError:
            return None
        return None if body is None else _decode(body)

    def _remember(self, id_: str, owner: bytes, body: bytes) -> None:
        self._recent[id_] = owner, body
        self._recent_bytes += len(body)
        while self._recent_bytes > RECENT_BYTES:
            _, (_, oldest) = self._recent.popitem(last=False)
            self._recent_bytes -= len(oldest)


def tidy(limits: ConversationLimits, connection: sqlite3.Connection, now: float) -> bool:
    """One step (`storage.retention.Step`); whether there is more to do."""
    (count,) = connection.execute("SELECT count(*) FROM conversations").fetchone()
    surplus = min(STEP, max(0, count - limits.kept))
    oldest = "DELETE FROM conversations WHERE id IN (SELECT id FROM conversations {} ORDER BY made_s LIMIT ?)"
    gone = connection.execute(oldest.format("WHERE made_s < ?"), (int(now - limits.kept_s), STEP)).rowcount
    if surplus > gone:
        gone += connection.execute(oldest.format(""), (surplus - gone,)).rowcount
    return gone >= STEP


def _write(id_: str, owner: bytes, made_s: int, body: bytes, connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?)", (id_, owner, made_s, body))


def _read(id_: str, owner: bytes, connection: sqlite3.Connection) -> bytes | None:
    found = connection.execute(
        "SELECT items FROM conversations WHERE id = ? AND owner = ?", (id_, owner)
    ).fetchone()
    return None if found is None else bytes(found[0])
