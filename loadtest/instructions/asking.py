"""The requests that are counted, and their answers."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from loadtest.bench.servers import KEY

CONNECTIONS = 16
START_S = 300.0
ANSWER_S = 120.0
BODY = b'{"model":"gpt-4o-mini","stream":%b,"messages":[{"role":"user","content":"%b"}]}'
PLAIN_KEY, LIMITED_KEY = "sk-bench-virtual-plain", "sk-bench-virtual-limited"
"""Virtual keys of the bench's configuration: one without limits, one with rpm, tpm and a budget."""

Request: TypeAlias = Callable[[int], bytes]
"""The request of a number."""


def plain(number: int, *, stream: bool = False, lines: str = "", key: str = KEY) -> bytes:
    """The same for every number."""
    body = BODY % (b"true" if stream else b"false", b"x" * 200)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{lines}"
    own = f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + own).encode() + body


def proxied(number: int) -> bytes:
    """As behind a load balancer: an SDK's head, of which no two are alike."""
    return plain(number, lines=SDK_LINES + PROXY_LINES.format(n=number, client=number % 250))


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


def ask(socks: Sequence[socket.socket], numbers: range, request: Request) -> None:
    """One on each connection at a time, until they are all answered."""
    for first in numbers[:: len(socks)]:
        for place, sock in enumerate(socks):
            sock.sendall(request(first + place))
        for sock in socks:
            _read_answer(sock)


def connected(port: int) -> socket.socket:
    """Once somebody listens."""
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
