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
from collections.abc import Callable
from pathlib import Path

from loadtest.bench.machine import ROOT
from loadtest.bench.servers import BUILD, CONFIG, KEY
from loadtest.certificates import make_certificates
from loadtest.gateway_process import free_port
from proxy.loading import PURE_VARIABLE, settled

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
    parser.add_argument("--cases", default="", help="of " + ", ".join(CASES))
    parser.add_argument(
        "--pure", action="store_true", help="from the sources, though compiled modules are there"
    )
    given = parser.parse_args()
    if given.pure:
        os.environ[PURE_VARIABLE] = "1"
    print(f"build: {settled(ROOT, os.environ).value}")
    if shutil.which("valgrind") is None:
        print("install first: valgrind", file=sys.stderr)
        return 1
    for name, request in CASES.items():
        if given.cases and name not in given.cases.split(","):
            continue
        few, more = (_run(name, count, request, given.keep) for count in (FEW, MORE))
        print(f"{name}: {(more - few) / (MORE - FEW):,.0f} instructions per request", flush=True)
    return 0


Request = Callable[[int], bytes]
"""The request of a number."""


def _run(name: str, count: int, request: Request, keep: Path | None) -> int:
    """Instructions of a whole life of a gateway that answers `count` requests."""
    port, upstream_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        out = (keep or Path(folder)) / f"callgrind.{name}.{count}"
        command = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"{ROOT}/.venv/bin/python",
                   "-m", "proxy", "--config", str(CONFIG), "--host", "127.0.0.1", "--port", str(port))  # fmt: skip
        environment = _environment(upstream_port, make_certificates(Path(folder)).authority)
        mock = (str(BUILD / "mock"), "--port", str(upstream_port))
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(mock) as upstream,
            subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
            ) as gateway,
        ):
            try:
                _ask(port, count, request)
            finally:
                gateway.send_signal(signal.SIGTERM)
                gateway.wait(START_S)
                upstream.kill()
            log.seek(0)
            found = COLLECTED.findall(log.read())
    return int(found[-1])


def _environment(upstream_port: int, ca: Path) -> dict[str, str]:
    upstream = f"http://127.0.0.1:{upstream_port}/v1"
    named = {
        "BENCH_UPSTREAM": upstream,
        "BENCH_UPSTREAM_TLS": upstream,
        "BENCH_CA": str(ca),
        "BENCH_KEY": KEY,
    }
    return {**os.environ, **named, "PYTHONPATH": str(ROOT)}


def _plain(number: int, *, stream: bool = False, lines: str = "", key: str = KEY) -> bytes:
    """The same for every number."""
    body = BODY % (b"true" if stream else b"false", b"x" * 200)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{lines}"
    own = f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + own).encode() + body


def _proxied(number: int) -> bytes:
    """As behind a load balancer: an SDK's head, of which no two are alike."""
    return _plain(number, lines=SDK_LINES + PROXY_LINES.format(n=number, client=number % 250))


SDK_LINES = """\
Accept-Encoding: gzip, deflate\r
Connection: keep-alive\r
Accept: application/json\r
User-Agent: OpenAI/Python 3.52.0\r
X-Stainless-Lang: python\r
X-Stainless-Package-Version: 3.52.0\r
X-Stainless-OS: Linux\r
X-Stainless-Arch: x64\r
X-Stainless-Runtime: CPython\r
X-Stainless-Runtime-Version: 3.11.7\r
X-Stainless-Retry-Count: 0\r
"""
PROXY_LINES = """\
X-Forwarded-Proto: https\r
X-Forwarded-For: 203.0.113.{client}, 10.{n}.0.1\r
X-Request-ID: 7b1f0c9e-4d2a-4e8b-9a3c-{n:012x}\r
traceparent: 00-4bf92f3577b34da6a3ce929d0e{n:06x}-00f067aa0b{n:06x}-01\r
"""
PLAIN_KEY, LIMITED_KEY = "sk-bench-virtual-plain", "sk-bench-virtual-limited"
"""Virtual keys of the bench's configuration: one without limits, one with rpm, tpm and a budget."""
CASES: dict[str, Request] = {
    "chat-behind-a-proxy": _proxied,
    "one-head-again": lambda _: _proxied(0),
    "chat": _plain,
    "chat-with-a-key": lambda _: _plain(0, key=PLAIN_KEY),
    "chat-with-limits": lambda _: _plain(0, key=LIMITED_KEY),
    "stream-of-64-events": lambda _: _plain(0, stream=True),
}


def _ask(port: int, count: int, request: Request) -> None:
    """All connections at once, one request each, until `count` are answered."""
    socks = [_connected(port) for _ in range(CONNECTIONS)]
    for turn in range(count // CONNECTIONS):
        for place, sock in enumerate(socks):
            sock.sendall(request(turn * CONNECTIONS + place))
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
