"""A scriptable upstream: answers like OpenAI until told to misbehave, and keeps every byte it was sent.

In tests:

    async with mock_upstream() as mock:
        mock.script(error(429, retry_after="2"), chat())   # the next two answers
        mock.script(lambda request: stalled() if b"slow" in request.body else None)
        ...
        assert mock.requests[0].head.startswith(b"POST /v1/chat/completions")

As a program: `python -m loadtest.mock_upstream --port 9000`; the `x-mock` request header gives the orders.
It answers by hand, without an HTTP library: only so can it misbehave.
"""

from __future__ import annotations

import argparse
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from loadtest.answers import Answer, Answerer, RawRequest, default_answer, error
from loadtest.anthropic_answers import anthropic_answer
from loadtest.claude_at_clouds import claude_at_a_cloud
from loadtest.mock_connection import Connection
from loadtest.orders import HEADER, BadOrder, ordered
from loadtest.own_time import done_within

BACKLOG = 2048
READ_BYTES = 65536
RECORD_LIMIT = 100_000
"""Requests kept, so that a forgotten mock does not fill the memory."""
CONNECTION_LIMIT = 100_000
"""Connections remembered, for the same reason."""


class MockUpstream:
    """Made by `mock_upstream`. `requests` and `connections` are in order of arrival."""

    def __init__(
        self, nursery: trio.Nursery, *, tls: ssl.SSLContext | None, pace_s: float, keep: int
    ) -> None:
        self.requests: list[RawRequest] = []
        self.connections: list[Connection] = []
        self.accepted = 0
        """Connections ever accepted."""
        self.at_head = False
        """True: answer when the head is there, not looking at the body, and wait for the client to leave."""
        self.accept_delay_s = 0.0
        """How long a connection waits unread after the kernel took it."""
        self.read_limit_bytes: int | None = None
        """Stop reading each connection made from now on after so many bytes, until `resume_reading`."""
        self.host = "127.0.0.1"
        self.port = 0
        self._nursery = nursery
        self._tls = tls
        self._pace_s = pace_s
        self._keep = keep
        self._queue: deque[Answer] = deque()
        self._answerer: Answerer | None = None
        self._listening: trio.CancelScope | None = None
        self._listener: trio.socket.SocketType | None = None
        self._received = trio.Event()
        self._resumed = trio.Event()

    @property
    def url(self) -> str:
        """Origin without a trailing slash; an `api_base` is this plus `/v1`."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def open_connections(self) -> int:
        return sum(not connection.closed.is_set() for connection in self.connections)

    # -- what it says

    def script(self, *answers: Answer | Answerer) -> None:
        """Answers go to the next requests, one each; a callable chooses for every request after those."""
        for answer in answers:
            if isinstance(answer, Answer):
                self._queue.append(answer)
            else:
                self._answerer = answer

    def unscript(self) -> None:
        """Back to the default answers."""
        self._queue.clear()
        self._answerer = None

    def choose(self, request: RawRequest) -> Answer:
        """The queue first, then the callable, then the default with the orders of the x-mock header."""
        if self._queue:
            return self._queue.popleft()
        chosen = self._answerer(request) if self._answerer else None
        if chosen is not None:
            return chosen
        anthropics = request.method == b"POST" and b"/messages" in request.target
        answer = (
            claude_at_a_cloud(request)
            or (anthropic_answer(request) if anthropics else None)
            or default_answer(request, self._pace_s)
        )
        orders = request.header(HEADER)
        if orders is None:
            return answer
        try:
            return ordered(orders.decode("latin-1"), answer)
        except BadOrder as problem:
            return error(400, str(problem))

    # -- what it saw

    def record(self, request: RawRequest) -> None:
        if len(self.requests) < self._keep:
            self.requests.append(request)
        self._received.set()
        self._received = trio.Event()

    async def received(self, count: int = 1) -> None:
        """Waits until `count` requests were recorded since the start."""
        while len(self.requests) < count:
            await self._received.wait()

    async def closed_within(self, timeout_s: float, connection: int = -1) -> bool:
        """Whether the client closes that connection (the latest by default) in time, where both are of this thread."""
        return await done_within(timeout_s, self.connections[connection].closed.wait)

    async def may_read(self, received_bytes: int) -> int:
        """Waits until a connection may read on; how many bytes at most."""
        while self.read_limit_bytes is not None and received_bytes >= self.read_limit_bytes:
            await self._resumed.wait()
        if self.read_limit_bytes is None:
            return READ_BYTES
        return min(READ_BYTES, self.read_limit_bytes - received_bytes)

    def resume_reading(self) -> None:
        self.read_limit_bytes = None
        self._resumed.set()
        self._resumed = trio.Event()

    # -- whether it is there

    async def listen(self, port: int = 0) -> None:
        """Opens the listener; after `refuse`, the same port again."""
        listener = trio.socket.socket()
        listener.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await listener.bind((self.host, port or self.port))
        listener.listen(BACKLOG)
        self.port = int(listener.getsockname()[1])
        self._listener = listener
        self._listening = trio.CancelScope()
        self._nursery.start_soon(self._accept, listener, self._listening)

    def refuse(self) -> None:
        """Closes the listener: new connections are refused until `listen`. Open ones go on."""
        if self._listening is not None and self._listener is not None:
            self._listening.cancel()
            self._listener.close()

    async def _accept(self, listener: trio.socket.SocketType, listening: trio.CancelScope) -> None:
        with listening, listener:
            while True:
                sock, _ = await listener.accept()
                self._nursery.start_soon(self._serve, sock)

    async def _serve(self, sock: trio.socket.SocketType) -> None:
        stream: trio.abc.Stream = trio.SocketStream(sock)
        if self._tls is not None:
            stream = trio.SSLStream(stream, self._tls, server_side=True)
        connection = Connection(self.accepted, sock, stream, self)
        self.accepted += 1
        if len(self.connections) < CONNECTION_LIMIT:
            self.connections.append(connection)
        with sock:
            await trio.sleep(self.accept_delay_s)
            await connection.run()


@asynccontextmanager
async def mock_upstream(
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    pace_s: float = 0.0,
    keep: int = RECORD_LIMIT,
) -> AsyncIterator[MockUpstream]:
    """A mock on 127.0.0.1. `pace_s`: pause between events of default streams; `tls`: a server context.

    An exception of the body comes out inside an ExceptionGroup, as from any nursery.
    """
    async with trio.open_nursery() as nursery:
        mock = MockUpstream(nursery, tls=tls, pace_s=pace_s, keep=keep)
        await mock.listen(port)
        yield mock
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def unanswered_port() -> AsyncIterator[int]:
    """A port where a connect hangs: its listen queue is full, so the kernel drops every further SYN."""
    with trio.socket.socket() as listener, trio.socket.socket() as first:
        await listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        await first.connect(listener.getsockname())
        yield int(listener.getsockname()[1])


async def _run(port: int, pace_s: float, tls: ssl.SSLContext | None) -> None:
    async with mock_upstream(port=port, pace_s=pace_s, tls=tls, keep=0) as mock:
        print(f"mock upstream: {mock.url}", flush=True)
        await trio.sleep_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scriptable upstream in OpenAI's shape.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--pace_ms", type=float, default=0.0, help="pause between events of a stream")
    parser.add_argument("--certificate", type=Path, help="PEM certificate: serve TLS")
    parser.add_argument("--key", type=Path, help="PEM key of the certificate")
    given = parser.parse_args()
    tls = None
    if given.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.certificate, given.key)
    try:
        trio.run(_run, given.port, given.pace_ms / 1000, tls)
    except KeyboardInterrupt:
        print("mock upstream: stopped")


if __name__ == "__main__":
    main()
