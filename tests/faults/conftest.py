"""Two upstreams of which the first misbehaves, a gateway before them, and a client that reads with h11."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio

from loadtest.client import Client, Seen, connected
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.wire.form import Opening, RequestHead
from proxy.wire.head_parser import HeadParser

KEY = "sk-gateway"
TEST_S = 10.0
CONFIG = """
model_list:
{models}
router_settings: {{num_retries: {retries}, retry_after: {waits_s}, allowed_fails: 3, cooldown_time: {cooldown_s}}}
general_settings: {{master_key: sk-gateway}}
sluice_settings:
  ask_stream_usage: false
  upstream_preopened_connections: 0
  connect_timeout_s: 1
  first_byte_timeout_s: 0.2
  stream_gap_timeout_s: 0.2
  drain_timeout_s: 1
"""
MODEL = """
  - model_name: {group}
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{base}", api_key: sk-{name}, order: {order}}}
    model_info: {{id: {name}}}
"""


DOORS = {"fast": b"", "asgi": b"X-Door: asgi\r\n"}
"""What makes a request go through which door, here: see `both_doors`."""


def both_doors(patch: pytest.MonkeyPatch) -> None:
    """What HTTP/1.0 says leads to hypercorn, one request to a connection: here an ordinary request does too."""
    parse = HeadParser.parse

    def parsed(parser: HeadParser, raw: bytes) -> tuple[RequestHead, int]:
        head, length = parse(parser, raw)
        if DOORS["asgi"] in raw:
            head.opening = Opening(head.method, head.opening.target, b"1.0")
        return head, length

    patch.setattr(HeadParser, "parse", parsed)


class Scene:
    """`bad` is asked first; `good` is there when there are two keys."""

    def __init__(self, gateway: GatewayWithin, bad: MockUpstream, good: MockUpstream) -> None:
        self.gateway = gateway
        self.bad = bad
        self.good = good

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with connected(self.gateway.port, KEY) as client:
            yield client

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
    both_doors(monkeypatch)

    @asynccontextmanager
    async def opened(
        *,
        keys: int = 1,
        base: str | None = None,
        cooldown_s: float = 60,
        retries: int | None = None,
        waits_s: float = 0,
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
                CONFIG.format(models="".join(models), cooldown_s=cooldown_s, retries=wanted, waits_s=waits_s)
                + settings
            )
            with trio.fail_after(TEST_S):
                async with gateway_within(config) as gateway:
                    yield Scene(gateway, bad, good)
                    await gateway.quiet()
            assert len(gateway.gateway.reactor) == 0

    return opened
