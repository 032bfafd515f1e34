"""A clock that nearly stands still, in another process: `slow_clock.c`."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from loadtest.bench.servers import BUILD

LIBRARY = BUILD / "slow_clock.so"
_STATE = struct.Struct("=qq")
"""As slow_clock.c has it: since when it is slow, and how far it was behind before; in nanoseconds."""
SLOWER = 100


class SlowClock:
    """Of the processes that are started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        path = folder / "clock"
        path.write_bytes(_STATE.pack(0, 0))
        with path.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), _STATE.size)
        self.environment: Mapping[str, str] = {"LD_PRELOAD": str(LIBRARY), "SLOW_CLOCK": str(path)}

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Meanwhile a second takes more than a minute and a half."""
        since, (_, behind) = time.monotonic_ns(), _STATE.unpack(self._state)
        self._state[:] = _STATE.pack(since, behind)
        try:
            yield
        finally:
            passed = (time.monotonic_ns() - since) // SLOWER * (SLOWER - 1)
            self._state[:] = _STATE.pack(0, behind + passed)
