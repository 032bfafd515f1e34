"""Starting, pinning and metering processes."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
ANSWER_LIMIT_S = 5.0
POLL_S = 0.002


class BenchError(Exception):
    """The bench cannot go on, and says why."""


@dataclass(frozen=True)
class Server:
    """How one server is started and asked. `cores` is a taskset list."""

    name: str
    command: tuple[str, ...]
    port: int
    cores: str = "0"
    env: Mapping[str, str] = field(default_factory=dict)
    tls_port: int = 0
    """Where its TLS upstream is reached, when that is another port."""
    tls_model: str = "gpt-4o-mini"
    """The model whose upstream speaks TLS."""
    key: str = "sk-bench"
    headers: tuple[str, ...] = ()
    """Header lines that the load adds for this server."""
    path: str = "/v1/chat/completions"
    authority: Path | None = None
    """The CA of a server that speaks TLS itself."""


class Running:
    """A started server. `start_s`: from spawning it to its first answered request, in seconds."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self._log = log
        _check_free(server)
        began = time.monotonic()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                ["taskset", "-c", server.cores, *server.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **server.env},
                start_new_session=True,
            )
        self._wait_until_it_answers(began)
        self.start_s = time.monotonic() - began

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_it_answers(self, began: float) -> None:
        while not _answers(self.server):
            if self._process.poll() is not None:
                raise BenchError(f"{self.server.name} ended at its start; see {self._log}")
            if time.monotonic() - began > START_LIMIT_S:
                self.stop()
                raise BenchError(f"{self.server.name} does not answer; see {self._log}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def cpu_s(self) -> float:
        """User and system time of all its processes so far."""
        return sum(self.cpu_by_process().values())

    def cpu_by_process(self) -> dict[int, float]:
        return {pid: _cpu_s(pid) for pid in tree(self._process.pid)}

    def rss_bytes(self) -> int:
        return sum(_rss_bytes(pid) for pid in tree(self._process.pid))


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    children: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def _cpu_s(pid: int) -> float:
    """utime and stime of /proc/PID/stat, fields 14 and 15: see proc(5)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_S


def _rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def _check_free(server: Server) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", server.port)) == 0:
            raise BenchError(f"port {server.port} of {server.name} is taken: choose others with --port")


def _connection(server: Server) -> http.client.HTTPConnection:
    if server.authority is None:
        return http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_LIMIT_S)
    context = ssl.create_default_context(cafile=str(server.authority))
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=ANSWER_LIMIT_S, context=context)


def _answers(server: Server) -> bool:
    connection = _connection(server)
    headers = dict(line.split(": ", 1) for line in server.headers)
    headers |= {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}'
    try:
        connection.request("POST", server.path, body, headers)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
