"""What systemd hears, and what it hands over."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.process.systemd import Service, passed_socket, watchdog_s

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["path", "abstract"])
def heard(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@sluice-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0"))
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield sock


def test_the_states(heard: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service("Hello.")
    service.ready()
    service.alive()
    service.reloading()
    service.reloaded(None)
    service.stopping()
    ready, alive, reloading, reloaded, stopping = (heard.recv(100) for _ in range(5))
    assert (ready, alive, reloaded, stopping) == (b"READY=1", b"WATCHDOG=1", b"READY=1", b"STOPPING=1")
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", reloading)
    assert capsys.readouterr().out == "Hello.\n", "the greeting comes once"


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Service("").alive()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    Service("").alive()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_s(environ) == seconds


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid())}])
def test_no_socket_was_passed(environ: dict[str, str]) -> None:
    assert passed_socket(environ) is None


def test_a_passed_socket_is_taken() -> None:
    code = "import os; from proxy.process.systemd import passed_socket\n"
    code += "sock = passed_socket({'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())})\n"
    code += "print(sock.getsockname()[1])"
    with socket.create_server(("127.0.0.1", 0)) as sock:
        done = subprocess.run(
            [sys.executable, "-c", f"import os; os.dup2({sock.fileno()}, 3)\n{code}"],
            pass_fds=[sock.fileno()],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == sock.getsockname()[1]
