"""Objects are found again by every worker, and after a restart: each request about one goes to the key that made it."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from loadtest.answers import Answer, RawRequest
from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.conftest import GATEWAY_KEY, Upstream

WORKERS = 4
ASKED = 24
"""Times that each object is asked for, each on a connection of its own: so that every worker gets some."""
WRITTEN_S = 20.0
"""It takes 0.02 s, and whatever else this machine does."""
CONFIG = """
model_list:
  - {model_name: m, litellm_params: {model: openai/m, api_base: UPSTREAM/v1, api_key: sk-one}}
  - {model_name: m, litellm_params: {model: openai/m, api_base: UPSTREAM/v1, api_key: sk-two}}
"""
JSON = ((b"content-type", b"application/json"),)
_numbers = itertools.count()


def vector_stores(request: RawRequest) -> Answer:
    """Makes one by POST, and knows any by GET."""
    name = request.head.split(b" ", 2)[1].rpartition(b"/")[2]
    if request.head.startswith(b"POST"):
        name = b"vs_%016d" % next(_numbers)
    return Answer(200, JSON, json.dumps({"id": name.decode(), "object": "vector_store"}).encode())


@contextmanager
def gateway(folder: Path, upstream: Upstream, workers: int = WORKERS) -> Iterator[GatewayProcess]:
    config = CONFIG.replace("UPSTREAM", upstream.origin)
    with running_gateway(
        folder, config=config, key=GATEWAY_KEY, arguments=["--num_workers", str(workers)]
    ) as running:
        yield running


def ask(running: GatewayProcess, method: str, path: str, session: str) -> str:
    """The id in the answer. Each on a new connection, which any worker may take."""
    headers = {"authorization": f"Bearer {GATEWAY_KEY}", "x-litellm-session-id": session}
    answer = httpx.request(
        method, f"{running.url}{path}", headers=headers, json={} if method == "POST" else None
    )
    assert answer.status_code == 200
    return str(answer.json()["id"])


def keys_asked(upstream: Upstream) -> dict[str, set[bytes]]:
    """By the object's id: which keys the requests about it came with."""
    found: dict[str, set[bytes]] = {}
    for request in upstream.requests:
        if request.head.startswith(b"GET"):
            name = request.head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
            found.setdefault(name, set()).add(request.header(b"authorization") or b"")
    return found


def make(running: GatewayProcess, upstream: Upstream, count: int = 8) -> dict[str, bytes]:
    """Objects of as many sessions; by id the key that made each. Both keys are used."""
    made: dict[str, bytes] = {}
    for number in range(count):
        object_id = ask(running, "POST", "/openai/v1/vector_stores", f"maker {number}")
        made[object_id] = upstream.last.header(b"authorization") or b""
    assert len(set(made.values())) == 2
    return made


def wait_until_written(path: Path, made: dict[str, bytes]) -> None:
    deadline = time.monotonic() + WRITTEN_S
    with contextlib.closing(sqlite3.connect(path)) as connection:
        while connection.execute("SELECT count(*) FROM objects").fetchone()[0] < len(made):
            assert time.monotonic() < deadline
            time.sleep(0.005)


def all_lead_home(running: GatewayProcess, upstream: Upstream, made: dict[str, bytes]) -> None:
    """Asked for by sessions whose own objects would lie elsewhere as often as not."""
    for object_id in made:
        for number in range(ASKED):
            ask(running, "GET", f"/openai/v1/vector_stores/{object_id}", f"reader {number}")
    found = keys_asked(upstream)
    assert {object_id: found[object_id] for object_id in made} == {
        object_id: {key} for object_id, key in made.items()
    }


@pytest.fixture
def stores(upstream: Upstream) -> Upstream:
    upstream.say(vector_stores)  # type: ignore[arg-type]
    return upstream


def test_what_one_worker_saw_being_made_all_know(tmp_path: Path, stores: Upstream) -> None:
    with gateway(tmp_path, stores) as running:
        made = make(running, stores)
        wait_until_written(tmp_path / "sluice.db", made)
        stores.requests.clear()
        all_lead_home(running, stores, made)


def test_a_restart_forgets_nothing(tmp_path: Path, stores: Upstream) -> None:
    with gateway(tmp_path, stores, workers=1) as running:
        made = make(running, stores)
        ask(running, "DELETE", f"/openai/v1/vector_stores/{next(iter(made))}", "maker 0")
    stores.requests.clear()
    made.pop(next(iter(made)))
    with gateway(tmp_path, stores) as running:
        all_lead_home(running, stores, made)
