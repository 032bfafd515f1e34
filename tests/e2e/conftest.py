"""Gateways as processes, over a mock upstream in a thread that keeps every byte, and a client of raw sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import msgspec
import pytest
import trio

from loadtest.answers import Answer, RawRequest
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.mock_upstream import MockUpstream, mock_upstream

GATEWAY_KEY = "sk-gateway-master"
TIMEOUT_S = 15.0


class Upstream:
    """The mock, for tests that block: `requests` it got since `forget`, `say` what it answers next."""

    def __init__(self, mock: MockUpstream) -> None:
        self._mock = mock
        self.origin = mock.url

    @property
    def requests(self) -> list[RawRequest]:
        return self._mock.requests

    @property
    def last(self) -> RawRequest:
        return self.requests[-1]

    def say(self, *answers: Answer) -> None:
        self._mock.script(*answers)

    def wait_for(self, count: int) -> None:
        """Until so many requests have come since `forget`."""
        deadline = time.monotonic() + TIMEOUT_S
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{count} requests did not come"
            time.sleep(0.002)

    def forget(self) -> None:
        self.requests.clear()
        self._mock.unscript()


@pytest.fixture(scope="session")
def started_upstream() -> Iterator[Upstream]:
    made: list[MockUpstream] = []
    stop: list[trio.lowlevel.TrioToken] = []
    scope = trio.CancelScope()
    ready = threading.Event()

    async def run() -> None:
        with scope:
            async with mock_upstream() as mock:
                made.append(mock)
                stop.append(trio.lowlevel.current_trio_token())
                ready.set()
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    assert ready.wait(TIMEOUT_S)
    yield Upstream(made[0])
    stop[0].run_sync_soon(scope.cancel)
    thread.join(TIMEOUT_S)


@pytest.fixture
def upstream(started_upstream: Upstream) -> Upstream:
    """Nothing asked of it yet, and its own answers to give."""
    started_upstream.forget()
    return started_upstream


@dataclass(frozen=True)
class RawAnswer:
    """One answer as its bytes came."""

    head: bytes
    body: bytes
    """Without chunk framing."""
    raw_body: bytes
    interim: tuple[bytes, ...] = ()
    """Heads of 1xx answers before it."""

    @property
    def status_line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def status(self) -> int:
        return int(self.status_line.split(b" ")[1])

    @property
    def lines(self) -> list[bytes]:
        return self.head.split(b"\r\n")[1:-2]

    @property
    def upstream_lines(self) -> list[bytes]:
        """Without those that the gateway adds."""
        return [line for line in self.lines if not line.lower().startswith(b"x-litellm-")]

    def header(self, name: bytes) -> bytes | None:
        fields = (line.partition(b":") for line in self.lines)
        return next((value.strip() for key, _, value in fields if key.lower() == name), None)

    @property
    def error(self) -> dict[str, object]:
        found = msgspec.json.decode(self.body)["error"]
        assert set(found) == {"message", "type", "param", "code"}
        return found


class RawClient:
    """One keep-alive connection: `send` bytes, `receive` one answer."""

    def __init__(self, port: int, key: str) -> None:
        self._key = key.encode()
        self._port = port
        self._sock: socket.socket | None = None
        self._buffer = b""

    def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        content_type: str | None = "application/json",
        headers: Mapping[str, str] = {},
    ) -> RawAnswer:
        """A plain request with the gateway's key."""
        lines = [
            f"{method} {target} HTTP/1.1".encode(),
            b"Host: gateway",
            b"Authorization: Bearer " + self._key,
        ]
        lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        if body:
            lines += [b"Content-Type: " + (content_type or "").encode()] if content_type else []
            lines += [b"Content-Length: %d" % len(body)]
        return self.exchange(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def exchange(self, raw: bytes) -> RawAnswer:
        self.send(raw)
        return self.receive(raw.split(b" ", 1)[0])

    def send(self, raw: bytes) -> None:
        if self._sock is None:
            self._sock = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.sendall(raw)

    def receive(self, method: bytes = b"POST") -> RawAnswer:
        """The next answer, after its interim ones. EOFError when the connection ends before it does."""
        interim: list[bytes] = []
        while (head := self._until(b"\r\n\r\n")).split(b" ")[1].startswith(b"1"):
            interim.append(head)
        lower = head.lower()
        raw, body = self._body(method, head, lower)
        if b"\r\nconnection: close\r\n" in lower:
            self.close()
        return RawAnswer(head, body, raw, tuple(interim))

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock, self._buffer = None, b""

    def _body(self, method: bytes, head: bytes, lower: bytes) -> tuple[bytes, bytes]:
        if method == b"HEAD" or head.split(b" ")[1] in (b"204", b"304"):
            return b"", b""
        if b"\r\ntransfer-encoding: chunked\r\n" in lower:
            return self._chunks()
        if b"\r\ncontent-length:" in lower:
            body = self._take(int(lower.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0]))
        else:
            body = self._to_the_end()
        return body, body

    def _chunks(self) -> tuple[bytes, bytes]:
        raw, body, size = b"", b"", -1
        while size != 0:
            line = self._until(b"\r\n")
            size = int(line, 16)
            data = self._take(size + 2)
            raw += line + data
            body += data[:-2]
        return raw, body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _to_the_end(self) -> bytes:
        try:
            while True:
                self._more()
        except EOFError:
            return self._buffer

    def _more(self) -> None:
        assert self._sock is not None
        data = self._sock.recv(65536)
        if not data:
            raise EOFError
        self._buffer += data


@pytest.fixture(scope="session")
def connect() -> Callable[[GatewayProcess], AbstractContextManager[RawClient]]:
    """A raw connection to a gateway."""

    @contextmanager
    def connected(gateway: GatewayProcess) -> Iterator[RawClient]:
        client = RawClient(gateway.port, gateway.key or "")
        try:
            yield client
        finally:
            client.close()

    return connected


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, started_upstream: Upstream
) -> Callable[..., AbstractContextManager[GatewayProcess]]:
    """Starts a gateway; UPSTREAM in its YAML becomes the mock's origin."""

    def started(
        config: str, arguments: Sequence[str] = (), **environ: str
    ) -> AbstractContextManager[GatewayProcess]:
        written = config.replace("UPSTREAM", started_upstream.origin)
        named = {name: value.replace("UPSTREAM", started_upstream.origin) for name, value in environ.items()}
        folder = tmp_path_factory.mktemp("e2e")
        return running_gateway(folder, config=written, key=GATEWAY_KEY, environ=named, arguments=arguments)

    return started
