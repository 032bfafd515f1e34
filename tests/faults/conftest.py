"""Two upstreams of which the first misbehaves, a gateway before them, and a client that reads with h11."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h11
import msgspec
import pytest
import trio

from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.edge import http1

KEY = "sk-gateway"
TEST_S = 10.0
CONFIG = """
model_list:
{models}
router_settings: {{num_retries: {retries}, allowed_fails: 3, cooldown_time: {cooldown_s}}}
general_settings: {{master_key: sk-gateway}}
sluice_settings:
  connect_timeout_s: 0.2
  first_byte_timeout_s: 0.2
  stream_gap_timeout_s: 0.2
  drain_timeout_s: 1
"""
MODEL = """
  - model_name: {group}
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{base}", api_key: sk-{name}, order: {order}}}
    model_info: {{id: {name}}}
"""


DOORS = {"fast": b"", "asgi": b"Upgrade: example/1\r\n"}
"""What makes a request go through which door, here: see `scene`."""


@dataclass
class Seen:
    """What the client saw of one answer."""

    status: int = 0
    """0: the connection ended before a head."""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """The framing ended as it should."""

    @property
    def error(self) -> dict[str, str | None]:
        """The error of a JSON answer in OpenAI's shape."""
        found: dict[str, str | None] = msgspec.json.decode(self.body)["error"]
        assert set(found) == {"message", "type", "param", "code"}
        return found

    @property
    def retries(self) -> int:
        return int(self.headers[b"x-litellm-attempted-retries"])


class Client:
    """One connection to the gateway."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def send(
        self,
        body: bytes,
        path: bytes = b"/v1/chat/completions",
        *,
        method: bytes = b"POST",
        lines: bytes = b"",
    ) -> None:
        """A JSON request with the gateway's key. `lines`: further header lines."""
        head = b"%b %b HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %b\r\n" % (
            method,
            path,
            KEY.encode(),
        )
        head += lines + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._h11 = h11.Connection(h11.CLIENT)
        self._h11.send(h11.Request(method=method, target=path, headers=[("host", "gateway")]))
        self._h11.send(h11.EndOfMessage())
        await self.stream.send_all(head + body)

    async def read(self) -> Seen:
        """The whole answer, or what came of it."""
        seen = Seen()
        while not seen.whole:
            try:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    self._h11.receive_data(await self.stream.receive_some())
                    continue
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return seen
            self._take(event, seen)
        return seen

    @staticmethod
    def _take(event: object, seen: Seen) -> None:
        if isinstance(event, h11.Response):
            seen.status, seen.headers = event.status_code, dict(event.headers)
        elif isinstance(event, h11.Data):
            seen.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            seen.whole = True

    async def first_bytes(self) -> bytes:
        """Whatever comes first, unparsed."""
        return bytes(await self.stream.receive_some())


class Scene:
    """`bad` is asked first; `good` is there when there are two keys."""

    def __init__(self, gateway: GatewayWithin, bad: MockUpstream, good: MockUpstream) -> None:
        self.gateway = gateway
        self.bad = bad
        self.good = good

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with await trio.open_tcp_stream("127.0.0.1", self.gateway.port) as stream:
            yield Client(stream)

    async def ask(self, *, stream: bool = False, door: str = "fast") -> Seen:
        """One request on a connection of its own, to its end and its record."""
        asked = len(self.gateway.records)
        async with self.client() as client:
            await client.send(chat_body(stream=stream), lines=DOORS[door])
            seen = await client.read()
        await self.gateway.recorded(asked + 1)
        return seen


def chat_body(*, stream: bool) -> bytes:
    flag = b',"stream":true' if stream else b""
    return b'{"model":"m","messages":[{"role":"user","content":"hi"}]%b}' % flag


OpenScene = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenScene:
    """`async with scene(keys=2) as s`. Nothing may be left over when it ends."""
    # Any upgrade leads to hypercorn here: an ordinary request through the ASGI door, on a kept connection.
    monkeypatch.setattr(http1, "switches_protocol", lambda _head, _length: True)

    @asynccontextmanager
    async def opened(
        *,
        keys: int = 1,
        base: str | None = None,
        cooldown_s: float = 60,
        retries: int | None = None,
        settings: str = "",
        second_group: str = "m",
    ) -> AsyncIterator[Scene]:
        async with AsyncExitStack() as stack:
            bad = await stack.enter_async_context(mock_upstream())
            good = await stack.enter_async_context(mock_upstream())
            bases = [base or f"{bad.url}/v1", f"{good.url}/v1"][:keys]
            models = [
                MODEL.format(group="m" if name == "bad" else second_group, base=url, name=name, order=order)
                for order, (name, url) in enumerate(zip(("bad", "good"), bases, strict=False))
            ]
            config = tmp_path / "config.yaml"
            # One key alone is asked once: what it said is what these tests are about.
            wanted = (0 if keys == 1 else 2) if retries is None else retries
            config.write_text(
                CONFIG.format(models="".join(models), cooldown_s=cooldown_s, retries=wanted) + settings
            )
            with trio.fail_after(TEST_S):
                async with gateway_within(config) as gateway:
                    yield Scene(gateway, bad, good)
                    await gateway.quiet()
            assert len(gateway.gateway.reactor) == 0

    return opened
