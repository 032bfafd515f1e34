"""Prompts are nowhere, unless they are wanted; then in the state file alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from loadtest.gateway_process import running_gateway
from tests.e2e.conftest import GATEWAY_KEY, Upstream
from tests.e2e.test_audit import CONFIG

ASKED = "What is the meaning of zebras? My key is sk-abcdefghijklmnopqrstuv"
HEADERS = {"authorization": f"Bearer {GATEWAY_KEY}"}


@pytest.mark.parametrize("kept", [False, True])
def test_where_a_prompt_is(tmp_path: Path, upstream: Upstream, *, kept: bool) -> None:
    config = CONFIG.replace("UPSTREAM", upstream.origin)
    config += "sluice_settings: {store_prompts: true}\n" if kept else ""
    with running_gateway(tmp_path, config=config, key=GATEWAY_KEY) as running:
        answer = httpx.post(
            f"{running.url}/v1/chat/completions",
            headers=HEADERS,
            json={"model": "m", "messages": [{"role": "user", "content": ASKED}]},
        )
        call_id = answer.headers["x-litellm-call-id"]
        assert ASKED.encode() in upstream.last.body
        running.stop()
        log = running.output
    contents = b"".join(path.read_bytes() for path in tmp_path.glob("sluice.db*"))
    assert (b"zebras" in contents) is kept
    assert b"sk-abcdefghijklmnopqrstuv" not in contents
    assert "zebras" not in log
    with closing(sqlite3.connect(tmp_path / "sluice.db")) as connection:
        rows = connection.execute("SELECT lower(hex(call_id)), request FROM prompts").fetchall()
    assert [row[0] for row in rows] == ([call_id.replace("-", "")] if kept else [])
    assert all("My key is [redacted]" in row[1] for row in rows)
