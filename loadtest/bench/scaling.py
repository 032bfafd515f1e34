"""What a request costs with many models, many deployments, many idle connections: each next to one of each."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from loadtest.bench.cases import Case, per_request
from loadtest.bench.procs import BenchError, Running
from loadtest.bench.runs import Table, note, sample_readings
from loadtest.bench.servers import BUILD, CONFIG, LOAD_CORE, Stage

MANY = 1_000
CASE = Case("chat", "chat completions", "--mode closed --seconds 2 --connections 64", per_request)


def measure(stage: Stage, rounds: int, held: int) -> Table:
    table: Table = {}
    one = Running(stage.gateway(), stage.folder / "gateway.log")
    with one:
        _compare(
            table, "models-1000", one, stage, _config(stage, [f"model-{n}" for n in range(MANY)]), rounds
        )
        _compare(table, "deployments-1000", one, stage, _config(stage, ["gpt-4o-mini"] * MANY), rounds)
        _compare(table, f"idle-{held}", one, stage, CONFIG, rounds, idle=held)
    return table


def _compare(
    table: Table, name: str, one: Running, stage: Stage, config: Path, rounds: int, *, idle: int = 0
) -> None:
    print(f"{name}", flush=True)
    many = Running(stage.variant(config), stage.folder / f"{name}.log")
    with many, _held(many, idle):
        for _ in range(rounds):
            note(table, name, "gateway", sample_readings(CASE, one))
            note(table, name, "variant", sample_readings(CASE, many))


def _config(stage: Stage, names: list[str]) -> Path:
    """A config of one deployment per name, each with a key of its own; JSON is YAML."""
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}",
                "api_base": "os.environ/BENCH_UPSTREAM",
                "api_key": f"sk-upstream-{number}",
            },
        }
        for number, name in enumerate(["gpt-4o-mini", *names])
    ]
    path = stage.folder / f"many-{len(set(names))}.yaml"
    path.write_text(
        json.dumps({"model_list": models, "general_settings": {"master_key": "os.environ/BENCH_KEY"}})
    )
    return path


@contextlib.contextmanager
def _held(running: Running, connections: int) -> Iterator[None]:
    """Keeps that many answered connections open."""
    if not connections:
        yield
        return
    load = f"--mode hold --connections {connections} --ramp-ms 3000 --seconds 30"
    target = ["--port", str(running.server.port), "--key", running.server.key]
    command = ["taskset", "-c", LOAD_CORE, str(BUILD / "load"), *shlex.split(load), *target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        found = json.loads(holder.stdout.readline())
        if found["broken"]:
            raise BenchError(f"{found['broken']} of {connections} idle connections were not taken")
        yield
