"""Processor instructions per request of the gateway: the same number on a busy machine as on a quiet one.

`make instructions`: the gateway runs under valgrind's callgrind, once for few requests and once for more; the
difference, shared out, is what one costs. System calls count as one instruction: what the kernel does is not in it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loadtest.bench.machine import ROOT
from loadtest.bench.servers import BUILD, CONFIG, KEY
from loadtest.gateway_process import free_port

CONNECTIONS = 16
FEW, MORE = 320, 1600
"""Requests of the two runs: start-up and warming up are in both."""
EVENTS = 64
START_S = 180.0
ANSWER_S = 60.0
BODY = b'{"model":"gpt-4o-mini","stream":%b,"messages":[{"role":"user","content":"%b"}]}'
COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="instructions", description=__doc__)
    parser.add_argument(
        "--keep", type=Path, help="folder for the callgrind files, to be read by callgrind_annotate"
    )
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("install first: valgrind", file=sys.stderr)
        return 1
    for name, stream in (("chat", False), ("stream of 64 events", True)):
        few, more = (_run(count, stream=stream, keep=given.keep) for count in (FEW, MORE))
        print(f"{name}: {(more - few) / (MORE - FEW):,.0f} instructions per request", flush=True)
    return 0


def _run(count: int, *, stream: bool, keep: Path | None) -> int:
    """Instructions of a whole life of a gateway that answers `count` requests."""
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        out = (keep or Path(folder)) / f"callgrind.{'stream' if stream else 'chat'}.{count}"
        command = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"{ROOT}/.venv/bin/python",
                   "-m", "proxy", "--config", str(CONFIG), "--host", "127.0.0.1", "--port", str(port))  # fmt: skip
        mock = (str(BUILD / "mock"), "--port", str(upstream_port))
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(mock) as upstream,
            subprocess.Popen(command, env=_environment(upstream_port), stdout=log, stderr=log) as gateway,
        ):
            try:
                _ask(port, count, _request(stream=stream))
            finally:
                gateway.send_signal(signal.SIGTERM)
                gateway.wait(START_S)
                upstream.kill()
            log.seek(0)
            found = COLLECTED.findall(log.read())
    return int(found[-1])


def _environment(upstream_port: int) -> dict[str, str]:
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    named = {
        "BENCH_UPSTREAM": upstream,
        "BENCH_UPSTREAM_TLS": upstream,
        "BENCH_CA": "/dev/null",
        "BENCH_KEY": KEY,
    }
    return {**os.environ, **named, "PYTHONPATH": str(ROOT)}


def _request(*, stream: bool) -> bytes:
    body = BODY % (b"true" if stream else b"false", b"x" * 200)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    own = f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + own).encode() + body


def _ask(port: int, count: int, request: bytes) -> None:
    """All connections at once, one request each, until `count` are answered."""
    socks = [_connected(port) for _ in range(CONNECTIONS)]
    for _ in range(count // CONNECTIONS):
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            _read_answer(sock)
    for sock in socks:
        sock.close()


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), ANSWER_S)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _read_answer(sock: socket.socket) -> None:
    data = b""
    while not _whole(data):
        more = sock.recv(65536)
        if not more:
            raise RuntimeError(f"the gateway closed: {data[:200]!r}")
        data += more


def _whole(data: bytes) -> bool:
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not answered: {data[:300]!r}")
    found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return len(body) >= int(found[1]) if found else body.endswith(b"0\r\n\r\n")


if __name__ == "__main__":
    sys.exit(main())
