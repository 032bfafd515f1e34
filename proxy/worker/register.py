"""Keeps a directory of keys up with the state file, whoever writes there: this worker, another, the command."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast

import trio

from proxy.access.directory import Change, Directory
from proxy.errors import state_unusable
from proxy.limits.subjects import Kind
from proxy.storage import identities
from proxy.storage.file import StateFile
from proxy.storage.problems import StateError
from proxy.worker.spending import Spending

NANO = 1e9
"""To a dollar."""
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


class Desk:
    """The register as the gateway's pages have it: what is wrong with the state file is an answer of theirs."""

    def __init__(self, register: Register, directory: Directory) -> None:
        self._register = register
        self.directory = directory

    async def refresh(self) -> None:
        """Raises GatewayError 503."""
        with _told():
            await self._register.refresh()

    async def commit(self, changes: Sequence[Change]) -> None:
        """Raises Stale, AliasTaken, GatewayError 503."""
        with _told():
            await self._register.commit(changes)

    async def seek(self, digest: bytes) -> bool:
        """Raises GatewayError 503."""
        with _told():
            return await self._register.seek(digest)


class SpendDesk:
    """The same of what has been spent: what refusals go by."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending

    async def dollars(self, kind: str, id_: str, since_unix_s: float) -> float:
        """Raises GatewayError 503."""
        with _told():
            return await self._spending.spent(cast(Kind, kind), id_, since_unix_s) / NANO


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StateError as error:
        raise state_unusable() from error
