"""Keeps a directory of keys up with the state file, whoever writes there: this worker, another, the command."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import trio

from proxy.access.directory import Change, Directory
from proxy.storage import identities
from proxy.storage.file import StateFile
from proxy.storage.problems import StateError

POLL_S = 0.25
"""What is changed holds in all workers within a second: four looks, of some 0.1 ms in the state file's thread."""
GAP_S = 0.02
"""Between two looks at least: strangers with keys of their invention bring about no more than fifty a second."""
TRUSTED_S = 3_600.0
"""Without a look: then all is read anew. What was deleted is told of for a day (`identities.KEPT_S`)."""


class Register:
    """One worker's, for its life."""

    def __init__(
        self, state: StateFile, directory: Directory, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._directory = directory
        self._clock = clock
        self._turn = trio.Lock()
        self._begun = 0
        self._looked_at = float("-inf")
        """Unix seconds."""
        self._exchanged = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(StateError):  # told by the state file; what is known holds on
                await self.refresh()
            await trio.sleep(POLL_S)

    async def refresh(self) -> None:
        """What anybody wrote before this is called is known when it returns. Raises StateError."""
        needed = self._begun + 1
        async with self._turn:
            if self._begun >= needed:  # somebody else's look began after this was called, and has ended
                return
            self._begun += 1
            await trio.sleep(max(0.0, min(GAP_S, self._looked_at + GAP_S - self._clock())))
            await self._look()

    async def _look(self) -> None:
        now, directory = self._clock(), self._directory
        newest, rows = await self._state.read(partial(identities.news, seq=directory.seq))
        exchanged = self._state.status().exchanged
        if newest < directory.seq or exchanged != self._exchanged or now - self._looked_at > TRUSTED_S:
            newest, rows = await self._state.read(partial(identities.news, seq=0))
            directory.begin_anew()
        self._exchanged, self._looked_at = exchanged, now
        directory.learn(rows)

    async def seek(self, digest: bytes) -> bool:
        """Whether there is a key of this digest after all. Raises StateError."""
        directory = self._directory
        if directory.is_stranger(digest):
            return False
        await self.refresh()
        found = directory.find(digest, self._clock()) is not None
        if not found:
            directory.not_found(digest)
        return found

    async def commit(self, changes: Sequence[Change]) -> None:
        """Written, all or none, and known here. Raises Stale, AliasTaken, StateError."""
        await self._state.write(partial(identities.commit, changes=changes, now=self._clock()))
        await self.refresh()
