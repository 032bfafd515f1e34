"""The simulator beside the gateway: it listens at once, and never outlives it."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from proxy.process.simulation import running


def test_it_answers_while_it_runs_and_is_gone_after() -> None:
    before = _children()
    with running() as url:
        where = urlsplit(url)
        assert where.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection(where.netloc, timeout=15)
        connection.request("GET", "/v1/models", headers={"authorization": "Bearer sk-sim-1"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert b'"gpt-4o"' in answer.read()
        connection.close()
    assert _children() == before
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(where.netloc, timeout=15).connect()


def _children() -> str:
    """The process ids of this process's children."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()
