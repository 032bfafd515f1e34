"""Hostile clients beside the load: nobody else may notice them. They have no key of this gateway's, and ask
for no chat: the records of the load are told by that route."""

from __future__ import annotations

from random import Random

import trio

from loadtest.hostile.attack import attack
from loadtest.hostile.cases import CASES

PER_S = 10.0
"""Connections."""


class Hostile:
    """Known cases, in an order of the seed's chance."""

    def __init__(self, port: int, seed: int, per_s: float = PER_S) -> None:
        self.connections = 0
        self.wanted = per_s > 0
        self._port = port
        self._chance = Random(f"hostile/{seed}")
        self._per_s = per_s

    async def run(self) -> None:
        """Until cancelled."""
        cases = tuple(CASES.values())
        while True:
            await trio.sleep(1 / self._per_s)
            await trio.to_thread.run_sync(attack, self._port, self._chance.choice(cases))
            self.connections += 1
