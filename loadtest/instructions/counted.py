"""Lives of a gateway, under valgrind or traced: what it does for many requests, less what it does for few."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import msgspec
import yaml

from loadtest.bench.machine import ROOT
from loadtest.bench.servers import BUILD, CONFIG, KEY
from loadtest.certificates import make_certificates
from loadtest.gateway_process import free_port
from loadtest.instructions.asking import CONNECTIONS, START_S, Request, ask, connected
from loadtest.instructions.clock import SlowClock
from proxy.loading import PURE_VARIABLE

FEW, MORE = 256, 1536
"""Requests of the two lives, behind the same start and before the same end: whole batches of records."""
WARM_UP = 64
"""Before the clock slows down: connections are made, and heads have been seen."""
_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")
Functions: TypeAlias = Counter[str]
"""Bytecodes by `file:function`."""


class Case(msgspec.Struct, frozen=True):
    request: Request
    settings: Mapping[str, object] = {}
    """Of `sluice_settings`, over those of the bench's configuration."""


def instructions(name: str, case: Case, keep: Path | None = None) -> float:
    """Of one request. `keep`: where callgrind's files go, to be read by callgrind_annotate."""

    def count(requests: int) -> int:
        with TemporaryDirectory() as folder:
            out = (keep or Path(folder)) / f"callgrind.{name}.{requests}"
            under = (
                "valgrind",
                "--tool=callgrind",
                f"--callgrind-out-file={out}",
                sys.executable,
                "-m",
                "proxy",
            )
            return int(_COLLECTED.findall(_live(Path(folder), under, case, requests))[-1])

    return (count(MORE) - count(FEW)) / (MORE - FEW)


def bytecodes(case: Case) -> Functions:
    """Of `MORE - FEW` requests, from the sources: compiled modules have none."""

    def count(requests: int) -> Functions:
        with TemporaryDirectory() as folder:
            out = Path(folder) / "bytecodes"
            under = (sys.executable, "-m", "loadtest.instructions.tracing", str(out))
            _live(Path(folder), under, case, requests, {PURE_VARIABLE: "1"})
            return Counter(json.loads(out.read_bytes()))

    more = count(MORE)
    more.subtract(count(FEW))
    return more


def _live(
    folder: Path, under: tuple[str, ...], case: Case, requests: int, variables: Mapping[str, str] = {}
) -> str:
    """A whole life, from its start to its end. Returns what it said."""
    port, upstream_port = free_port(), free_port()
    clock = SlowClock(folder)
    command = (*under, "--config", str(_config(folder, case)), "--host", "127.0.0.1", "--port", str(port))
    environment = {**_environment(upstream_port, folder), **clock.environment, **variables}
    with (
        (folder / "log").open("w+") as log,
        subprocess.Popen((str(BUILD / "mock"), "--port", str(upstream_port))) as upstream,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as gateway,
    ):
        try:
            _ask(port, requests, case.request, clock)
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.wait(START_S)
            upstream.kill()
        log.seek(0)
        return log.read()


def _ask(port: int, requests: int, request: Request, clock: SlowClock) -> None:
    with ExitStack() as closed:
        socks = [closed.enter_context(connected(port)) for _ in range(CONNECTIONS)]
        ask(socks, range(WARM_UP), request)
        with clock.slow():
            ask(socks, range(WARM_UP, WARM_UP + requests), request)


def _config(folder: Path, case: Case) -> Path:
    """Beside which the state file lies, an empty one each time."""
    config = yaml.safe_load(CONFIG.read_text())
    config["sluice_settings"].update(case.settings)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def _environment(upstream_port: int, folder: Path) -> dict[str, str]:
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    named = {
        "BENCH_UPSTREAM": upstream,
        "BENCH_UPSTREAM_TLS": upstream,
        "BENCH_CA": str(make_certificates(folder).authority),
        "BENCH_KEY": KEY,
    }
    return {**os.environ, **named, "PYTHONPATH": str(ROOT)}
