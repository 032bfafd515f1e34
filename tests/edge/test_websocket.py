"""WebSocket is not carried: who asks for it is told so at once, in words that turn clients to HTTP."""

from __future__ import annotations

import json

import pytest
import trio

HANDSHAKE = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
FRAME = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
"""`Hello`, masked (RFC 6455 section 5.7)."""


@pytest.mark.parametrize("door", ["fast", "asgi"])  # HTTP/1.0 cannot upgrade
@pytest.mark.parametrize(
    "path", [b"/v1/responses", b"/v1/realtime?model=gpt-4o", b"/openai/v1/responses", b"/livez"]
)
async def test_a_handshake_gets_426_and_a_record(house, requests, door: str, path: bytes) -> None:
    got = await house.ask(requests.get(path, *HANDSHAKE), door)
    assert got.status == 426
    assert got.whole
    assert json.loads(got.body)["error"]["code"] == "websocket_not_supported"
    assert got.header(b"upgrade") == b"HTTP/1.1" or door == "asgi"
    await house.recorded()
    record = house.records[0]
    assert (record.status, record.outcome.value, record.error) == (
        426,
        "client_error",
        "websocket_not_supported",
    )
    assert got.header(b"x-litellm-call-id") == record.call_id.encode()
    assert house.mock.requests == []
    assert (await house.ask(requests.get(b"/livez"))).status == 200


@pytest.mark.parametrize("door", ["fast", "asgi"])
async def test_who_has_no_key_is_told_that_first(house, requests, door: str) -> None:
    got = await house.ask(requests.get(b"/v1/responses", *HANDSHAKE, key=b""), door)
    assert got.status == 401


async def test_a_client_that_sends_its_first_frame_with_its_handshake(house, requests) -> None:
    client = await house.client()
    await client.send_raw(requests.get(b"/v1/responses", *HANDSHAKE) + FRAME)
    assert (await client.answer(b"GET")).status == 426
    assert await client.closed() == b"", "the frame is not taken for a request"


async def test_a_client_that_goes_on_sending_frames_reads_its_answer(house, requests) -> None:
    client = await house.client()
    await client.send_raw(requests.get(b"/v1/responses", *HANDSHAKE))
    for _ in range(20):
        await client.send_raw(FRAME * 100)
        await trio.lowlevel.checkpoint()
    assert (await client.answer(b"GET")).status == 426


async def test_a_post_with_an_upgrade_is_a_post(house, requests) -> None:
    got = await house.ask(requests.post(b"/v1/chat/completions", b'{"model":"gpt-4o"}', *HANDSHAKE))
    assert got.status == 200
