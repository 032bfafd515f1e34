"""For one run every clock is virtual and every chance is the seed's: trio's scheduler, the product's, the system's."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from trio._core import _run as trio_run
from trio._core._run import _r as schedulers_chance

from loadtest.sim.clock import VirtualClock
from loadtest.sim.sweeping import SparseDeadlines
from proxy.accounting import record
from proxy.wire.reactor import Poller, Reactor
from proxy.worker import reaching


@contextmanager
def seeded(clock: VirtualClock, seed: int) -> Iterator[None]:
    """Not for two runs at once: it exchanges what the whole process sees."""

    def sparse(poller: Poller | None = None) -> Reactor:
        return Reactor(poller, deadlines=SparseDeadlines(clock))

    with ExitStack() as stack:
        for name in ("monotonic", "perf_counter"):
            stack.enter_context(patch.object(time, name, clock.monotonic))
        stack.enter_context(patch.object(time, "time", clock.unix))
        stack.enter_context(patch("os.urandom", random.Random(f"{seed} ids").randbytes))
        stack.enter_context(patch.object(record, "_ready_ids", []))
        stack.enter_context(patch.object(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", new=True))
        stack.enter_context(patch.object(reaching, "Reactor", sparse))
        stack.callback(random.setstate, random.getstate())
        stack.callback(schedulers_chance.setstate, schedulers_chance.getstate())
        random.seed(seed)
        schedulers_chance.seed(seed)
        yield
