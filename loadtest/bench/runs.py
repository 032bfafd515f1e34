"""The turns: every round asks each server once in each case, so that what the machine does meanwhile hits all alike."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loadtest.bench.bars import Verdict, find
from loadtest.bench.cases import Case, Readings, Sample
from loadtest.bench.procs import BenchError, Running, Server
from loadtest.bench.servers import BUILD, LOAD_CORE, PEERS, Stage

WARM_UP = "--mode closed --connections 16 --seconds 0.5"
Table = dict[str, dict[str, dict[str, list[float]]]]
"""case -> server -> reading -> one number per round"""


class Runner:
    """Runs cases over `servers`; what it found so far is in `table`."""

    def __init__(self, stage: Stage, servers: Mapping[str, Server], rounds: int, held: int) -> None:
        self.table: Table = {}
        self._stage = stage
        self._servers = servers
        self._rounds = rounds
        self._held = held

    def run(self, cases: Sequence[Case]) -> None:
        """Every round goes through all cases: a noisy minute falls on one round of some, not on all of one."""
        for number in range(1, self._rounds + 1):
            print(f"round {number} of {self._rounds}:", end="", flush=True)
            for case in cases:
                if number <= (case.rounds or self._rounds):
                    print(f" {case.name}", end="", flush=True)
                    self._ask_each(case)
            print()
        for case in cases:
            if any(finding.verdict is Verdict.NOISY for finding in find({case.name: self.table[case.name]})):
                print(f"{case.name}: the rounds disagree, once more", flush=True)
                del self.table[case.name]
                for _ in range(case.rounds or self._rounds):
                    self._ask_each(case)

    def _ask_each(self, case: Case) -> None:
        names = [name for name in (*case.servers, *PEERS) if name in self._servers]
        with contextlib.ExitStack() as stack:
            running = {name: stack.enter_context(self._start(name)) for name in names}
            for name in names:
                note(self.table, case.name, name, sample_readings(case, running[name], self._held))

    def _start(self, name: str) -> Running:
        running = Running(self._servers[name], self._stage.folder / f"{name}.log")
        note(self.table, "start", name, {"seconds": running.start_s})
        return running


def note(table: Table, case: str, server: str, readings: Readings) -> None:
    kept = table.setdefault(case, {}).setdefault(server, {})
    for reading, value in readings.items():
        kept.setdefault(reading, []).append(value)


@contextlib.contextmanager
def upstreams(stage: Stage) -> Iterator[None]:
    """The two mocks every server talks to."""
    log = stage.folder / "mock.log"
    with Running(stage.mock(), log), Running(stage.mock_tls(), log):
        yield


def sample_readings(case: Case, running: Running, held: int = 0) -> Readings:
    if case.warm_up:
        take(shlex.split(WARM_UP), running, over_tls=case.over_tls)
    sample = take(shlex.split(case.load.format(held=held)), running, over_tls=case.over_tls)
    lost = sample.load["failed"] + sample.load["broken"]
    if lost and not case.losses_allowed:
        raise BenchError(f"{case.name}: {running.server.name} lost {lost:.0f} of its requests")
    return case.read(sample)


def take(load: Sequence[str], running: Running, *, over_tls: bool = False) -> Sample:
    """One run of the load generator against a server, metered."""
    before, rss_before = running.cpu_by_process(), running.rss_bytes()
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        str(BUILD / "load"),
        *load,
        *_target(running.server, over_tls=over_tls),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as generator:
        assert generator.stdout is not None
        line = generator.stdout.readline()
        after, rss_after = running.cpu_by_process(), running.rss_bytes()
    if not line:
        raise BenchError(f"the load ended without a word against {running.server.name}")
    spent = tuple(after[pid] - before.get(pid, 0.0) for pid in after)
    cores = running.server.cores.count(",") + 1
    return Sample(json.loads(line), sum(spent), spent, rss_before, rss_after, cores)


def _target(server: Server, *, over_tls: bool) -> list[str]:
    target = ["--key", server.key, "--path", server.path]
    target += ["--port", str(server.tls_port if over_tls else server.port)]
    if over_tls:
        target += ["--model", server.tls_model]
    for line in server.headers:
        target += ["--header", line]
    return target


def log_folder(out: Path) -> Path:
    """An empty place for this run's files."""
    folder = out / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_file():
            left.unlink()
    return folder
