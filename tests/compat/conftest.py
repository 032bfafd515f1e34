"""Real clients from their own registries, each against a gateway as `make run` starts it. `make compat` brings them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
PYTHON = HERE.parents[1] / ".venv-compat/bin/python"
CLIENT_S = 120
KEY = "sk-compat"

Run = Callable[..., str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.compat)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[GatewayProcess]:
    """One of its own for each client: its records are this client's."""
    with running_gateway(tmp_path, key=KEY) as gateway:
        yield gateway


@pytest.fixture
def run(house: GatewayProcess) -> Run:
    """Runs a client to its end and returns what it printed."""

    def run(*command: str | Path, environ: Mapping[str, str] = {}, cwd: Path = HERE) -> str:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LITELLM_"))
        }
        kept |= {"SLUICE_URL": house.url, "SLUICE_KEY": KEY, **environ}
        done = subprocess.run(
            list(map(str, command)),
            env=kept,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLIENT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def records(house: GatewayProcess) -> Callable[[], list[dict[str, object]]]:
    """The gateway's records, all of them: it is stopped first."""

    def read() -> list[dict[str, object]]:
        house.stop()
        return [json.loads(line) for line in house.output.splitlines() if line.startswith('{"ts"')]

    return read
