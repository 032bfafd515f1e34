"""Cancel means cancel: when the client leaves, the upstream connection is closed within 50 ms, in every phase."""

from __future__ import annotations

import socket
import struct

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import SSE_TYPE, Framing, chat_stream, stalled
from loadtest.answers import Answer as Said
from loadtest.mock_upstream import unanswered_port
from loadtest.own_time import done_within
from proxy.types import Outcome

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'
UPLOAD = (
    b"POST /v1/files HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-gateway\r\n"
    b"Content-Type: application/octet-stream\r\n%b\r\n\r\n"
)
PROMPT_S = 0.05
BY_LENGTH = UPLOAD % b"Content-Length: 100000000"
CHUNKED = UPLOAD % b"Transfer-Encoding: chunked"


def close(client) -> None:
    client.stream.socket.close()


def reset(client) -> None:
    client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.stream.socket.close()


def half_close(client) -> None:
    """Whoever sends no more will not read either, as far as HTTP/1.1 clients go (and nginx and hypercorn)."""
    client.stream.socket.shutdown(socket.SHUT_WR)


LEAVINGS = (close, reset, half_close)


async def gone(house, count: int = 1) -> None:
    """The one record says who left, and nothing of the request is left."""
    await house.recorded(count)
    assert [record.outcome for record in house.records] == [Outcome.CLIENT_GONE] * count
    assert all(status.in_flight == 0 for status in house.gateway.router.snapshot(0.0))


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_while_the_head_is_awaited(house, requests, door: str, leave) -> None:
    house.mock.script(stalled())
    client = await house.client(door)
    await client.send(requests.post(CHAT, PLAIN))
    await house.mock.received()
    leave(client)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_while_an_answer_streams(house, requests, door: str, leave) -> None:
    stream = chat_stream(5)
    house.mock.script(stalled(len(b"".join(stream.writes()[:3])), stream))
    client = await house.client(door)
    await client.send(requests.post(CHAT, b'{"model":"gpt-4o","stream":true}'))
    while b'"index":0' not in client.buffer:
        await client._more()
    leave(client)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)


@pytest.mark.parametrize("leave", [close, reset])
async def test_while_its_own_buffers_are_full(house, requests, door: str, leave) -> None:
    house.mock.script(Said(body=(b"x" * 65536,) * 500, framing=Framing.CHUNKED))
    client = await house.client(door, receive_bytes=4096)
    await client.send(requests.post(CHAT, PLAIN))
    await house.mock.received()
    await standing_still(house.mock.connections[0], "sent_bytes")
    leave(client)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)


@pytest.mark.parametrize("leave", LEAVINGS)
@pytest.mark.parametrize(
    "start", [BY_LENGTH + b"x" * 1000, CHUNKED + b"3\r\nabc\r\n"], ids=["length", "chunked"]
)
async def test_in_the_midst_of_an_upload(house, door: str, leave, start: bytes) -> None:
    if door == "replayed" and start.startswith(CHUNKED):
        return  # HTTP/1.0 has no chunked bodies
    client = await house.client(door)
    await client.send(start)
    await until(lambda: house.mock.connections)
    await standing_still(house.mock.connections[0], "received_bytes")
    leave(client)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)


@pytest.mark.parametrize("door", ["fast", "replayed"])
async def test_in_an_upload_that_the_upstream_does_not_take(house, door: str) -> None:
    """By a reset: a close would wait, in the client's kernel, behind what nobody reads. Not through any other ASGI
    server, which stops reading then and looks no further."""
    house.mock.read_limit_bytes = 1000
    client = await house.client(door)
    await client.send(BY_LENGTH)
    flood = Flood(client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood.run)
        await until(lambda: house.mock.connections)
        await standing_still(flood, "sent_bytes")
        nursery.cancel_scope.cancel()
    assert 0 < flood.sent_bytes < Flood.BYTES
    reset(client)
    assert await done_within(PROMPT_S, house.quiet)
    await gone(house)


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_while_its_body_is_awaited(house, requests, door: str, leave) -> None:
    client = await house.client(door)
    await client.send(requests.post(CHAT, PLAIN)[:-3])
    await wait_all_tasks_blocked(0.02)
    leave(client)
    await gone(house)
    assert house.mock.accepted == 0


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_while_the_upstream_is_being_connected(make_house, requests, door: str, leave) -> None:
    async with unanswered_port() as port, make_house(far=port) as house:
        client = await house.client(door)
        await client.send(requests.post(CHAT, b'{"model":"far"}'))
        await until(lambda: any(s.in_flight for s in house.gateway.router.snapshot(0.0)))
        leave(client)
        assert await done_within(0.5, house.recorded)
        await gone(house)


async def test_with_a_pipelined_request_behind(house, requests) -> None:
    """What a client asked before it left is not asked of the upstream any more."""
    house.mock.script(stalled())
    client = await house.client()
    await client.send_raw(requests.post(CHAT, PLAIN) * 2)
    await house.mock.received()
    close(client)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)
    assert house.mock.accepted == 1


async def test_many_at_once(house, requests, door: str) -> None:
    house.mock.script(lambda _: stalled())
    clients = [await house.client(door) for _ in range(50)]
    for client in clients:
        await client.send(requests.post(CHAT, PLAIN))
    await house.mock.received(50)
    for client in clients:
        close(client)
    await gone(house, 50)
    await until(lambda: house.mock.open_connections == 0)


async def until(condition) -> None:
    with trio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - sockets tell nobody
            await trio.sleep(0.001)


async def standing_still(thing: object, name: str) -> None:
    """Until the figure has not changed for a while."""
    last, still = -1, 0
    with trio.fail_after(10):
        while still < 20:
            await trio.sleep(0.005)
            now = getattr(thing, name)
            still = still + 1 if now == last else 0
            last = now


class Flood:
    """More than any buffers on the way take, as fast as they take it."""

    BYTES = 50_000_000
    PIECE = b"x" * 100_000

    def __init__(self, client) -> None:
        self.sent_bytes = 0
        self._socket = client.stream.socket

    async def run(self) -> None:
        while self.sent_bytes < self.BYTES:
            self.sent_bytes += await self._socket.send(self.PIECE)


class Unended:
    """A stream's events; its last chunk comes when it is told."""

    def __init__(self, *events: bytes) -> None:
        self._events = iter(events)
        self.told = trio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        event = next(self._events, None)
        if event is None:
            await self.told.wait()
            raise StopAsyncIteration
        return event


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_with_the_last_event_it_is_no_leaving(house, requests, door: str, leave) -> None:
    """What it did not wait for is framing: that is read here, and the upstream's connection kept."""
    body = Unended(b"data: {}\n\n", b"data: [DONE]\n\n")
    house.mock.script(Said(headers=(SSE_TYPE,), body=body, framing=Framing.CHUNKED))
    client = await house.client(door)
    await client.send(requests.post(CHAT, b'{"model":"gpt-4o","stream":true}'))
    while b"[DONE]" not in client.buffer:
        await client._more()
    leave(client)
    await trio.sleep(PROMPT_S)
    body.told.set()
    await house.recorded(1)
    assert [(record.outcome, record.status) for record in house.records] == [(Outcome.OK, 200)]
    assert (await house.ask(requests.post(CHAT, PLAIN), door)).status == 200
    assert house.mock.accepted == 1
