"""One gateway in this process, and the three doors into it, each asked over a raw socket.

`fast`      the fast door
`replayed`  the same listener; the request says HTTP/1.0, so its bytes go on to hypercorn
`asgi`      the app behind a plain hypercorn, which knows nothing of the fast door
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import hypercorn.trio
import pytest
import trio
from hypercorn.config import Config as HypercornConfig

from loadtest.gateway_within import KeptRecords
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.config.load import load
from proxy.worker.assembly import Gateway
from proxy.worker.serving import serve

KEY = b"Authorization: Bearer sk-gateway\r\n"
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{mock}/v1", api_key: sk-up, use_in_pass_through: true}}
  - {{model_name: renamed, litellm_params: {{model: openai/gpt-4o-mini, api_base: "{mock}/v1", api_key: sk-up}}}}
  - {{model_name: far, litellm_params: {{model: openai/gpt-4o, api_base: "http://127.0.0.1:{far}/v1", api_key: sk-up}}}}
  - {{model_name: canned, litellm_params: {{model: openai/gpt-4o, mock_response: "as set", api_key: sk-up}}}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
general_settings: {{{key}max_request_size_mb: {request_mb}{general}}}
sluice_settings:
{limits}
"""
DOORS = ("fast", "replayed", "asgi")
PATIENCE_S = 10.0


def post(path: bytes, body: bytes, *lines: bytes, key: bytes = KEY) -> bytes:
    """A JSON request as SDKs send it."""
    head = b"POST %b HTTP/1.1\r\nHost: gateway\r\n%bContent-Type: application/json\r\n" % (path, key)
    return (
        head + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


def get(path: bytes, *lines: bytes, method: bytes = b"GET", key: bytes = KEY) -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: gateway\r\n%b" % (method, path, key)
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@dataclass
class Got:
    """One answer as the client saw it."""

    status: int = 0
    """0: the connection ended before a head."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    whole: bool = False
    """It ended as its framing promised."""
    framed: bool = True
    """False: only the close told that this was the end."""
    interim: list[int] = field(default_factory=list)
    lines: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class Client:
    """One connection, read by hand: no HTTP library may repair what the gateway says."""

    def __init__(self, stream: trio.SocketStream, door: str) -> None:
        self.stream = stream
        self.door = door
        self.buffer = bytearray()
        self.ended = False

    async def send(self, request: bytes) -> None:
        """A whole request, beginning with its request line."""
        if self.door == "replayed":
            request = request.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        await self.send_raw(request)

    async def send_raw(self, data: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # refused early: the answer is there to be read
            await self.stream.send_all(data)

    async def ask(self, request: bytes) -> Got:
        await self.send(request)
        return await self.answer(request.split(b" ", 1)[0])

    async def answer(self, method: bytes = b"POST") -> Got:
        """The next answer, or as much of it as came before the connection ended."""
        got = Got()
        with trio.fail_after(PATIENCE_S):
            while got.status < 200 and await self._read_head(got):
                if got.status < 200:
                    got.interim.append(got.status)
            if got.status >= 200:
                await self._read_body(got, method)
        return got

    async def _more(self) -> bool:
        try:
            data = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            data = b""
        self.buffer += data
        self.ended = not data
        return not self.ended

    async def _take(self, count: int) -> bytes:
        while len(self.buffer) < count and await self._more():
            pass
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    async def _line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            if not await self._more():
                return b""
        return await self._take(end + 2)

    async def _read_head(self, got: Got) -> bool:
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                got.status = 0
                return False
        got.lines = await self._take(end + 4)
        status, *lines = got.lines[:-4].split(b"\r\n")
        got.status = int(status.split(b" ")[1])
        pairs = (line.partition(b":") for line in lines)
        got.headers = tuple((name, value.strip()) for name, _, value in pairs)
        return True

    async def _read_body(self, got: Got, method: bytes) -> None:
        length, coding = got.header(b"content-length"), got.header(b"transfer-encoding")
        assert length is None or coding is None, got.lines
        if method == b"HEAD" or got.status in (204, 304):
            got.whole = True
        elif coding is not None:
            await self._read_chunks(got)
        elif length is not None:
            got.body = await self._take(int(length))
            got.whole = len(got.body) == int(length)
        else:
            while await self._more():
                pass
            got.body, got.whole, got.framed = await self._take(len(self.buffer)), True, False

    async def _read_chunks(self, got: Got) -> None:
        while line := await self._line():
            size = int(line.split(b";")[0], 16)
            chunk = await self._take(size + 2)
            got.body += chunk[:size]
            if size == 0:
                got.whole = chunk == b"\r\n"
                return

    async def closed(self) -> bytes:
        """What came until the connection ended."""
        with trio.fail_after(PATIENCE_S):
            while await self._more():
                pass
        return bytes(self.buffer)

    def close(self) -> None:
        self.stream.socket.close()


class House:
    def __init__(self, gateway: Gateway, records: KeptRecords, mock: MockUpstream) -> None:
        self.gateway = gateway
        self.records = records.kept
        self.mock = mock
        self.ports: dict[str, int] = {}
        self.stop = trio.Event()
        self.served = trio.Event()
        """The worker has ended."""
        self._clients: list[Client] = []

    async def client(self, door: str = "fast", *, receive_bytes: int = 0) -> Client:
        sock = trio.socket.socket()
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            await sock.connect(("127.0.0.1", self.ports[door]))
        except OSError:
            sock.close()
            raise
        self._clients.append(Client(trio.SocketStream(sock), door))
        return self._clients[-1]

    async def ask(self, request: bytes, door: str = "fast") -> Got:
        """One request on a connection of its own."""
        client = await self.client(door)
        try:
            return await client.ask(request)
        finally:
            client.close()

    @property
    def in_use(self) -> int:
        """Sockets on the reactor that do not idle in the pool."""
        return len(self.gateway.reactor) - self.gateway.reaching.pool.idle()

    async def recorded(self, count: int = 1) -> None:
        """Waits until so many requests have ended, and for the sockets they used."""
        with trio.fail_after(PATIENCE_S):
            while len(self.records) < count:  # noqa: ASYNC110 - a list tells nobody
                await trio.sleep(0.001)
        await self.quiet()

    async def quiet(self) -> None:
        with trio.fail_after(PATIENCE_S):
            while self.in_use:  # noqa: ASYNC110 - sockets tell nobody
                await trio.sleep(0.001)

    def close(self) -> None:
        for client in self._clients:
            client.close()


def open_sockets() -> int:
    names = Path("/proc/self/fd").iterdir()
    return sum(_target(name).startswith("socket:") for name in names)


def _target(name: Path) -> str:
    try:
        return str(name.readlink())
    except FileNotFoundError:  # the listing's own descriptor
        return ""


Settings = dict[str, float]
MakeHouse = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def make_house(tmp_path: Path) -> MakeHouse:
    """`async with make_house(far=port, **sluice_settings) as house`. Leaves no socket behind, or fails.

    `general`: more of `general_settings`, where `{mock}` is the upstream's address.
    """

    @asynccontextmanager
    async def make(
        *,
        far: int = 1,
        request_mb: float = 8.0,
        general: str = "",
        key: str = "sk-gateway",
        **settings: object,
    ) -> AsyncIterator[House]:
        forms = {"peek_limit_mb": 1, "form_limit_mb": 8}
        limits = {"connect_timeout_s": 2, "drain_timeout_s": 2, **forms, **settings}
        before = open_sockets()
        async with mock_upstream() as mock:
            text = "".join(f"  {name}: {value}\n" for name, value in limits.items())
            path = tmp_path / "config.yaml"
            more = general.replace("{mock}", mock.url)
            keyed = f"master_key: {key}, " if key else ""
            path.write_text(
                CONFIG.format(
                    mock=mock.url, far=far, limits=text, request_mb=request_mb, general=more, key=keyed
                )
            )
            async with _serving(path, mock) as house:
                yield house
        assert open_sockets() <= before

    return make


@asynccontextmanager
async def _serving(path: Path, mock: MockUpstream) -> AsyncIterator[House]:
    loaded = load(path, {})
    records = KeptRecords()
    gateway = Gateway(loaded.config, loaded.environ, records)
    house = House(gateway, records, mock)
    limits = loaded.config.sluice_settings
    async with trio.open_nursery() as nursery:
        ready, no_more = trio.Event(), trio.Event()
        listener = _listener()
        house.ports["fast"] = house.ports["replayed"] = listener.getsockname()[1]

        async def work() -> None:
            await serve(gateway, [listener], limits, ready.set, house.stop)
            house.served.set()

        nursery.start_soon(work)
        await ready.wait()
        house.ports["asgi"] = await _serve_plainly(nursery, gateway, no_more)
        try:
            yield house
        finally:
            house.close()
            no_more.set()
            if not house.stop.is_set():
                await house.quiet()
            house.stop.set()
            with trio.move_on_after(PATIENCE_S, shield=True):
                await house.served.wait()
    assert len(gateway.reactor) == 0, "every link was closed"


async def _serve_plainly(nursery: trio.Nursery, gateway: Gateway, stop: trio.Event) -> int:
    listener = _listener()
    port = listener.getsockname()[1]
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0.1
    await nursery.start(
        partial(hypercorn.trio.serve, gateway.app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    )
    return int(port)


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


@pytest.fixture
async def house(make_house: MakeHouse) -> AsyncIterator[House]:
    async with make_house() as made:
        yield made


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Requests:
    post = staticmethod(post)
    get = staticmethod(get)
    KEY = KEY
    DOORS = DOORS


@pytest.fixture(scope="session")
def requests() -> type[Requests]:
    """The words for requests, for modules that cannot import this one."""
    return Requests
