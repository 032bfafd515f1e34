"""Real workers that are killed in the middle of whatever they do leave nothing to mend."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx

from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy.command.cli import main
from proxy.process.exit_codes import EX_OK
from tests.e2e.conftest import GATEWAY_KEY, Upstream

CONFIG = """
model_list:
  - model_name: m
    litellm_params:
      model: openai/m
      api_base: UPSTREAM/v1
      api_key: sk-1
      input_cost_per_token: 0.000001
      output_cost_per_token: 0.000002
"""
PRICE_NANO = 19 * 1_000 + 64 * 2_000
"""Of the mock's answer."""


def _workers(gateway: GatewayProcess) -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(gateway.process.pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(pid) for pid in listed.split()]


def _ask(gateway: GatewayProcess) -> int:
    """How many of ten are answered."""
    answered = 0
    for _ in range(10):
        try:
            answer = httpx.post(
                f"{gateway.url}/v1/chat/completions",
                headers={"authorization": f"Bearer {GATEWAY_KEY}"},
                json={"model": "m", "messages": [{"role": "user", "content": "Hello"}], "user": "c1"},
            )
            answered += answer.status_code == 200
        except httpx.HTTPError:
            continue
    return answered


def test_workers_that_are_killed_leave_it_balanced(tmp_path: Path, upstream: Upstream) -> None:
    """Again and again, in the middle of whatever they do; nothing is counted that has no record, nor the reverse."""
    path, config = tmp_path / "sluice.db", CONFIG.replace("UPSTREAM", upstream.origin)
    with (
        running_gateway(
            tmp_path, config=config, key=GATEWAY_KEY, arguments=["--num_workers", "3"]
        ) as gateway,
        ThreadPoolExecutor(8) as threads,
    ):
        answered = 0
        for turn in range(4):
            asked = [threads.submit(_ask, gateway) for _ in range(8)]
            os.kill(_workers(gateway)[turn % 2], signal.SIGKILL)
            answered += sum(each.result() for each in asked)
            assert main(["audit", "--state", str(path)], {}) == EX_OK
        gateway.stop()
    assert main(["audit", "--state", str(path)], {}) == EX_OK
    with closing(sqlite3.connect(path)) as connection:
        (kept, spend) = connection.execute("SELECT count(*), sum(spend) FROM records").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 0 < kept <= answered + 8 * 4, (
        "a request whose worker is killed may have been answered, and not recorded"
    )
    assert spend == kept * PRICE_NANO
