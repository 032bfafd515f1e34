"""Memory after a million requests, and how much of it came after the first hundred thousand."""

from __future__ import annotations

import shlex

from loadtest.bench.cases import MB
from loadtest.bench.procs import BenchError, Running
from loadtest.bench.runs import Table, note, take
from loadtest.bench.servers import Stage

FIRST = 100_000
REST = 900_000


def measure(stage: Stage) -> Table:
    table: Table = {}
    with Running(stage.gateway(), stage.folder / "gateway.log") as running:
        early = _resident_after(FIRST, running)
        late = _resident_after(REST, running)
    note(table, "soak", "gateway", {"rss_mb": late, "growth_mb": late - early})
    return table


def _resident_after(requests: int, running: Running) -> float:
    sample = take(shlex.split(f"--mode closed --connections 64 --requests {requests}"), running)
    if sample.load["answered"] < requests:
        raise BenchError(f"soak: {sample.load['failed'] + sample.load['broken']:.0f} requests lost")
    return sample.rss_after_bytes / MB
