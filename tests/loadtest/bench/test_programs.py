"""The two C programs against each other: what the load counts is what the mock said."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.bench.machine import ROOT
from loadtest.bench.procs import Running, Server
from loadtest.certificates import make_certificates

TOOLS = shutil.which("cc") and shutil.which("taskset") and Path("/usr/include/openssl/ssl.h").exists()
pytestmark = pytest.mark.skipif(not TOOLS, reason="needs a C compiler and OpenSSL's headers")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name, libraries in (("mock", ["-lssl", "-lcrypto"]), ("load", [])):
        source = str(ROOT / f"loadtest/{name}.c")
        strict = ["-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", *strict, "-o", str(folder / name), source, *libraries], check=True)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def port(programs: Path) -> Iterator[int]:
    port = free_port()
    mock = Server("mock", (str(programs / "mock"), "--port", str(port)), port)
    with Running(mock, programs / "log"):
        yield port


def load(programs: Path, port: int, arguments: str) -> dict[str, float]:
    command = [str(programs / "load"), "--port", str(port), *arguments.split()]
    done = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
    found = json.loads(done.stdout)
    assert (found["failed"], found["broken"]) == (0, 0)
    return dict(found)


def test_completions(programs: Path, port: int) -> None:
    found = load(programs, port, "--mode closed --connections 4 --requests 200")
    assert found["answered"] >= 200
    assert found["latency_p50_us"] <= found["latency_p99_us"] <= found["latency_max_us"]


def test_sizes(programs: Path, port: int) -> None:
    found = load(programs, port, "--mode open --connections 2 --size 1000000 --body 300000")
    assert 2_000_000 < found["received_bytes"] < 2_010_000
    assert 600_000 < found["sent_bytes"] < 610_000


@pytest.mark.parametrize("more", ["", "--gulp", "--pace 2"])
def test_streams_have_all_their_events_and_done(programs: Path, port: int, more: str) -> None:
    found = load(programs, port, f"--mode open --stream --connections 10 --events 20 {more}")
    assert (found["answered"], found["events"]) == (10, 210)


def test_a_pace_is_kept(programs: Path, port: int) -> None:
    found = load(programs, port, "--mode open --stream --connections 1 --events 5 --pace 20")
    assert found["latency_p50_us"] > 60_000
    assert found["gap_p50_us"] > 10_000


def test_held_streams_are_told_when_all_have_begun(programs: Path, port: int) -> None:
    found = load(programs, port, "--mode hold --stream --connections 20 --pace 60000")
    assert (found["answered"], found["events"]) == (0, 20)


def test_usage_comes_when_asked_for(port: int) -> None:
    body = b'{"stream": true, "stream_options": {"include_usage": true}}'
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
        asking.sendall(head + body)
        answer = b"".join(iter(lambda: asking.recv(65536), b""))
    assert b'"choices":[],"usage":{' in answer
    assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_the_mock_speaks_tls(programs: Path, tmp_path: Path) -> None:
    made, port = make_certificates(tmp_path), free_port()
    shown = ("--certificate", str(made.certificate), "--key", str(made.key))
    mock = Server(
        "tls", (str(programs / "mock"), "--port", str(port), *shown), port, authority=made.authority
    )
    with Running(mock, tmp_path / "log") as running:
        assert running.start_s < 5
