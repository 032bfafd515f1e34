from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.procs import BenchError, Running, Server, tree

ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(port: int, *command: str) -> Server:
    core = str(min(os.sched_getaffinity(0)))
    return Server("test", (sys.executable, "-c", *command), port, core)


def test_a_server_is_started_metered_and_stopped(port: int, tmp_path: Path) -> None:
    with Running(server(port, ANSWERING, str(port)), tmp_path / "log") as running:
        assert running.start_s > 0
        assert running.cpu_s() > 0
        assert running.rss_bytes() > 1_000_000
        (pid,) = running.cpu_by_process()
    assert tree(pid) == [pid]
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_that_ends_says_where_its_log_is(port: int, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="log"):
        Running(server(port, "print('no')"), tmp_path / "log")
    assert (tmp_path / "log").read_text() == "no\n"


def test_a_taken_port_is_not_measured_by_mistake(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BenchError, match="taken"):
            Running(server(other.getsockname()[1], "pass"), tmp_path / "log")


def test_a_tree_holds_the_processes_below() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo ready; wait"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        first, child = tree(parent.pid)
        assert first == parent.pid
        os.kill(child, 15)
        parent.wait()
