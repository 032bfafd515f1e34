"""The state file goes away while real workers serve: requests go on, and nothing is lost or counted twice."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy.command.cli import main
from proxy.process.exit_codes import EX_OK
from tests.e2e.conftest import GATEWAY_KEY, Upstream
from tests.e2e.test_audit import CONFIG

SOON_S = 30.0
HEADERS = {"authorization": f"Bearer {GATEWAY_KEY}"}
FILLER_BYTES = 64 * 1024


@contextmanager
def gateway(folder: Path, upstream: Upstream, state: Path, workers: int = 2) -> Iterator[GatewayProcess]:
    config = CONFIG.replace("UPSTREAM", upstream.origin) + f"\nsluice_settings: {{state: {state}}}\n"
    with running_gateway(
        folder, config=config, key=GATEWAY_KEY, arguments=["--num_workers", str(workers)]
    ) as running:
        yield running


def ask(running: GatewayProcess, count: int) -> None:
    """Each on a connection of its own; all are answered."""
    for _ in range(count):
        answer = httpx.post(
            f"{running.url}/v1/chat/completions",
            headers=HEADERS,
            json={"model": "m", "messages": [{"role": "user", "content": "Hello"}]},
        )
        assert answer.status_code == 200


def problem(running: GatewayProcess) -> str | None:
    state = httpx.get(f"{running.url}/health", headers=HEADERS).json()["state"]
    return None if state is None else state["problem"]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=SOON_S)) as connection:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


def balanced(path: Path) -> bool:
    return main(["audit", "--state", str(path)], {}) == EX_OK


def test_locked_for_long(tmp_path: Path, upstream: Upstream) -> None:
    path = tmp_path / "state.db"
    with gateway(tmp_path, upstream, path) as running:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            ask(running, 20)
            until(lambda: problem(running) == "locked")
            ask(running, 20)
            assert kept(path) == 0
            other.execute("ROLLBACK")
        until(lambda: kept(path) == 40)
        until(lambda: problem(running) is None)
        metrics = httpx.get(f"{running.url}/metrics", headers=HEADERS).text
        assert "\nsluice_state_usable 1" in metrics
    assert kept(path) == 40
    assert balanced(path)


def test_deleted(tmp_path: Path, upstream: Upstream) -> None:
    path = tmp_path / "state.db"
    with gateway(tmp_path, upstream, path) as running:
        ask(running, 5)
        until(lambda: kept(path) == 5)
        path.unlink()
        ask(running, 10)
        until(lambda: path.exists() and kept(path) == 10)
        assert problem(running) is None
    assert kept(path) == 10
    assert balanced(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(tmp_path: Path, upstream: Upstream, small_disk: Path) -> None:
    path, filler = small_disk / "state.db", small_disk / "filler"
    with gateway(tmp_path, upstream, path) as running:
        ask(running, 5)
        until(lambda: kept(path) == 5)
        _fill(filler)
        ask(running, 300)
        until(lambda: problem(running) == "full")
        ask(running, 20)
        assert kept(path) < 325
        assert "No space left" in running.output or "disk is full" in running.output
        filler.unlink()
        until(lambda: kept(path) == 325)
        until(lambda: problem(running) is None)
    assert kept(path) == 325
    assert balanced(path)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * FILLER_BYTES) == FILLER_BYTES:
                pass
        except OSError:
            return


def test_no_state_file(tmp_path: Path, upstream: Upstream) -> None:
    with gateway(tmp_path, upstream, Path("off")) as running:
        ask(running, 3)
        assert problem(running) is None
        answer = httpx.get(f"{running.url}/global/spend", headers=HEADERS)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "state_off")
    assert not list(tmp_path.glob("*.db*"))


@pytest.mark.parametrize("contents", [b"This is no database.\n" * 1000, b""], ids=["strange", "locked"])
def test_a_start_that_cannot_be_says_why(tmp_path: Path, upstream: Upstream, contents: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(contents)
    other = sqlite3.connect(path, isolation_level=None)
    if not contents:
        other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RuntimeError, match=r"ended with 1:\n") as told, gateway(tmp_path, upstream, path):
        pass
    other.close()
    assert f"sluice: state file {path}: " in str(told.value)
