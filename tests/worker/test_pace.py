"""What a record says of a request's pace: when a stream began to say something, how long it paused, who waited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from loadtest.answers import SSE_TYPE, Answer, Framing
from loadtest.client import connected
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.types import Outcome

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_base: "{url}/v1", api_key: sk-1, max_parallel_requests: 1}}
sluice_settings: {{queue_timeout_s: 10, state: "off"}}
"""
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
CONTENT = b'data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
STREAMED = b'{"model":"m","stream":true,"messages":[]}'
PAUSE_S = 0.08
"""On a machine that stands still others may be longer, and none is shorter."""


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    async with mock_upstream() as found:
        yield found


@pytest.fixture
async def within(tmp_path: Path, mock: MockUpstream) -> AsyncIterator[GatewayWithin]:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=mock.url))
    async with gateway_within(path) as found:
        yield found


def stream(*pieces: bytes | trio.Event | float) -> Answer:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
            elif isinstance(piece, trio.Event):
                await piece.wait()
            else:
                await trio.sleep(piece)

    return Answer(200, (SSE_TYPE,), body(), Framing.CHUNKED)


async def test_a_stream_that_thinks_before_it_speaks(mock: MockUpstream, within: GatewayWithin) -> None:
    mock.script(stream(ROLE, PAUSE_S, CONTENT, DONE))
    async with connected(within.port, "sk-any") as client:
        await client.send(STREAMED, b"/v1/chat/completions")
        assert (await client.read()).status == 200
    await within.recorded(1)
    (record,) = within.records
    assert record.sent_s is not None
    assert record.first_byte_s is not None
    assert record.first_content_s is not None
    assert record.longest_gap_s is not None
    assert record.sent_s < record.first_byte_s
    assert record.first_content_s >= record.first_byte_s + PAUSE_S / 2
    assert PAUSE_S / 2 <= record.longest_gap_s <= record.duration_s
    assert (record.queued_s, record.cancel_s) == (0.0, None)


async def test_who_waited_for_a_deployment_and_who_left(mock: MockUpstream, within: GatewayWithin) -> None:
    never = trio.Event()
    mock.script(stream(ROLE, never), stream(CONTENT, DONE))
    async with connected(within.port, "sk-any") as second, trio.open_nursery() as nursery:
        async with connected(within.port, "sk-any") as first:
            await first.send(STREAMED, b"/v1/chat/completions")
            await mock.received(1)
            await second.send(STREAMED, b"/v1/chat/completions")
            with trio.fail_after(10):
                while not within.gateway.requests_waiting:  # noqa: ASYNC110 - it tells nobody
                    await trio.sleep(0.001)
        nursery.start_soon(second.read)
        await within.recorded(2)
    left, waited = within.records
    assert left.outcome is Outcome.CLIENT_GONE
    assert left.cancel_s is not None
    assert 0 <= left.cancel_s <= left.duration_s
    assert (waited.outcome, waited.queued_s > 0, waited.cancel_s) == (Outcome.OK, True, None)
    assert await mock.closed_within(10, 0)
    never.set()
