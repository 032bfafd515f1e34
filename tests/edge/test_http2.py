"""HTTP/2 by prior knowledge (RFC 9113 section 3.3): the fast door hands it to hypercorn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trio.testing
from hyperframe.frame import ContinuationFrame, HeadersFrame

from loadtest.answers import Answer as Said
from loadtest.answers import Framing, chat, chat_stream, stalled, truncated

CHAT = "/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'


class Stream:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.end = ""
        """`ended` as it should, or `reset`."""


class Http2Client:
    def __init__(self, client) -> None:
        self.client = client
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.streams: dict[int, Stream] = {}
        self.over = False

    async def start(self) -> None:
        self.h2.initiate_connection()
        await self.flush()

    async def flush(self) -> None:
        await self.client.send_raw(self.h2.data_to_send())

    async def send(self, method: str, path: str, body: bytes = b"", *, key: str = "sk-gateway") -> int:
        number = self.h2.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "g")]
        headers += [("authorization", f"Bearer {key}"), ("content-type", "application/json")]
        self.h2.send_headers(number, headers, end_stream=not body)
        if body:
            self.h2.send_data(number, body, end_stream=True)
        self.streams[number] = Stream()
        await self.flush()
        return number

    async def answer(self, number: int) -> Stream:
        stream = self.streams[number]
        with trio.fail_after(3):
            while not stream.end and not self.over:
                await self.more()
        return stream

    async def more(self) -> None:
        try:
            data = await self.client.stream.receive_some(65536)
        except trio.BrokenResourceError:
            data = b""
        self.over = not data
        for event in self.h2.receive_data(data) if data else ():
            self.take(event)
        await self.flush()

    def take(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            self.over = self.over or isinstance(event, h2.events.ConnectionTerminated)
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.end = "ended"
        elif isinstance(event, h2.events.StreamReset):
            stream.end = "reset"


@pytest.fixture
async def client(house):
    made = Http2Client(await house.client())
    await made.start()
    return made


async def test_a_request(house, client) -> None:
    stream = await client.answer(await client.send("POST", CHAT, PLAIN))
    assert (stream.status, stream.body, stream.end) == (200, chat().body, "ended")
    request = house.mock.requests[0]
    assert request.request_line == b"POST /v1/chat/completions HTTP/1.1"
    assert request.body == PLAIN
    assert request.header(b"authorization") == b"Bearer sk-up"


async def test_many_streams_side_by_side(house, client) -> None:
    house.mock.script(lambda request: Said(body=request.target * 5000, framing=Framing.CHUNKED))
    numbers = {path: await client.send("GET", path) for path in (f"/v1/files/{n}" for n in range(20))}
    for path, number in numbers.items():
        stream = await client.answer(number)
        assert (stream.body, stream.end) == (path.encode() * 5000, "ended")


async def test_a_long_answer_to_a_client_with_a_window(house, client) -> None:
    house.mock.script(Said(body=b"x" * 3_000_000))
    stream = await client.answer(await client.send("POST", CHAT, PLAIN))
    assert (len(stream.body), stream.end) == (3_000_000, "ended")


async def test_an_error_of_the_gateways_own(house, client) -> None:
    stream = await client.answer(await client.send("POST", CHAT, PLAIN, key="wrong"))
    assert (stream.status, stream.end) == (401, "ended")
    assert b"invalid_api_key" in stream.body


async def test_a_stream_of_events(house, client) -> None:
    events = chat_stream(5)
    house.mock.script(events)
    stream = await client.answer(await client.send("POST", CHAT, b'{"model":"gpt-4o","stream":true}'))
    assert (stream.body, stream.end) == (b"".join(events.body), "ended")


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
async def test_an_answer_that_breaks_off_does_not_end_as_if_it_were_whole(
    house, client, framing: Framing
) -> None:
    body = b"x" * 50_000
    house.mock.script(
        truncated(30_000, Said(body=body if framing is Framing.LENGTH else (body,), framing=framing))
    )
    stream = await client.answer(await client.send("POST", CHAT, PLAIN))
    assert stream.status == 200
    assert stream.end != "ended"
    assert stream.end == "reset" or client.over, "the client is told, and does not wait for ever"


async def test_a_head_that_does_not_end_is_not_held(house, client) -> None:
    """Its frames are well-formed, and asked for by nobody: without a key they would hold a MiB per connection."""
    limit = house.gateway.config.sluice_settings.max_header_bytes
    await client.answer(await client.send("GET", "/livez"))  # the settings are settled
    frames = [HeadersFrame(3, data=b"\x00"), *(ContinuationFrame(3, data=b"a" * 16_384) for _ in range(60))]
    await client.client.send_raw(b"".join(frame.serialize() for frame in frames[: limit // 16_384 + 6]))
    with trio.fail_after(3):
        while not client.over:
            await client.more()
    assert (await house.ask(b"GET /livez HTTP/1.1\r\nHost: g\r\n\r\n")).status == 200


async def test_a_stream_that_is_reset_closes_its_upstream_connection(house, client) -> None:
    house.mock.script(stalled())
    number = await client.send("POST", CHAT, PLAIN)
    await house.mock.received()
    client.h2.reset_stream(number)
    await client.flush()
    assert await house.mock.closed_within(0.05)
    assert (await client.answer(await client.send("GET", "/v1/models"))).status == 200


async def test_what_is_asked_and_taken_back_as_the_worker_stops_costs_no_other_stream(house, client) -> None:
    gate = trio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        await gate.wait()
        yield b"b"

    house.mock.script(Said(body=pieces(), framing=Framing.CHUNKED))
    number = await client.send("POST", CHAT, PLAIN)
    await house.mock.received()
    house.stop.set()
    await trio.testing.wait_all_tasks_blocked(0.01)
    taken_back = client.h2.get_next_available_stream_id()
    head = [(":method", "GET"), (":path", "/livez"), (":scheme", "http"), (":authority", "g")]
    client.h2.send_headers(taken_back, head, end_stream=True)
    client.h2.reset_stream(taken_back)
    await client.flush()
    await trio.testing.wait_all_tasks_blocked(0.01)
    gate.set()
    stream = await client.answer(number)
    assert (stream.body, stream.end) == (b"ab", "ended")
    assert house.gateway.reactor.walls.connections.stopped == 0


async def test_a_client_that_leaves_closes_all_upstream_connections(house, client) -> None:
    house.mock.script(lambda _: stalled())
    for _ in range(5):
        await client.send("POST", CHAT, PLAIN)
    await house.mock.received(5)
    client.client.close()
    for index in range(5):
        assert await house.mock.closed_within(0.05, index)


async def test_a_client_that_left_before_its_answer_holds_no_connection(house, client) -> None:
    """The request's end, after the leaving, would have begun another keep-alive time."""
    house.mock.script(lambda _: stalled())
    for _ in range(3):
        await client.send("POST", CHAT, PLAIN)
    await house.mock.received(3)
    client.client.close()
    with trio.fail_after(1):
        while house.gateway.doorway.connections:  # noqa: ASYNC110 - connections tell nobody
            await trio.sleep(0.001)


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_client_that_has_left_holds_no_connection(house, client, asked: int) -> None:
    """hypercorn would keep its socket until the keep-alive time is over."""
    if asked:
        await client.answer(await client.send("GET", "/v1/models"))
    else:
        await client.more()  # it is hypercorn that has the connection
    client.client.close()
    with trio.fail_after(1):
        while house.gateway.doorway.connections:  # noqa: ASYNC110 - connections tell nobody
            await trio.sleep(0.001)
