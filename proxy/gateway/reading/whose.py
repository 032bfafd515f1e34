"""Which objects of a list are a caller's: those that this worker knows, and those that others know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio

from proxy.routing.affinity import ObjectStore
from proxy.wire.parking import Parking

AT_ONCE = 2_000
"""Ids looked for in one go."""
WRITTEN_BEHIND_S = 0.05
"""What another worker saw made a moment ago is in the state file by then."""


class SharedObjects(Protocol):
    """What other workers saw made, and what was made before a restart."""

    async def seek(self) -> bool:
        """Looks for those that the store missed. False: none is there."""

    async def hear(self) -> None:
        """What others wrote before is known when it returns."""


class Whose:
    """One per worker and configuration."""

    def __init__(self, store: ObjectStore, objects: SharedObjects | None) -> None:
        self._store = store
        self._objects = objects

    async def own(self, owner: bytes, names: Sequence[str], parking: Parking) -> frozenset[str]:
        """Of these ids, the owner's."""
        if self._objects is not None:
            await parking.own()
            await self._look(self._objects, names)
        return frozenset(name for name in names if self._store.owner(name) == owner)

    async def _look(self, objects: SharedObjects, names: Sequence[str]) -> None:
        """Those that nobody knows may have been made elsewhere a moment ago: each costs that moment once."""
        store, sought = self._store, False
        for begin in range(0, len(names), AT_ONCE):
            part = [name for name in names[begin : begin + AT_ONCE] if store.owner(name) is None]
            if store.missed:
                await objects.seek()
                sought = sought or any(store.owner(name) is None for name in part)
        if sought:
            await trio.sleep(WRITTEN_BEHIND_S)
            await objects.hear()
