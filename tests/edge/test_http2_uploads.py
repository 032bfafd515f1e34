"""Bodies over HTTP/2: none holds up another, a reset behind one is heard at once, what nobody reads is let go."""

from __future__ import annotations

import h2.config
import h2.connection
import pytest
import trio
from hyperframe.frame import SettingsFrame

from loadtest.answers import Answer as Said
from loadtest.hostile.frames import data, head, opening, reset, said
from proxy.edge.http2 import CONNECTION_BYTES
from proxy.edge.upload import HELD_BYTES
from proxy.types import Outcome

AUTH = (b"authorization", b"Bearer sk-gateway")
BINARY = (b"content-type", b"application/octet-stream")
JSON = (b"content-type", b"application/json")
FILES = b"/v1/files"
CHAT = b"/v1/chat/completions"
PROMPT_S = 0.05
FRAME = b"x" * 16_000


async def until(condition) -> None:
    with trio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - sockets tell nobody
            await trio.sleep(0.001)


async def gone(house) -> None:
    """The one record says who left; no key was blamed, and nothing is left of it."""
    await until(lambda: house.records)
    assert [record.outcome for record in house.records] == [Outcome.CLIENT_GONE]
    for status in house.gateway.router.snapshot(0.0):
        assert (status.in_flight, status.failures, status.state) == (0, 0, "closed")


def upload(stream: int, size: int = HELD_BYTES) -> bytes:
    """A body's beginning: as much as the stream's window takes."""
    frames = [data(stream, FRAME) for _ in range(size // len(FRAME))]
    return said(head(stream, b"POST", FILES, AUTH, BINARY, ended=False), *frames)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_leaving_an_upload_that_the_upstream_does_not_take(house, how: str) -> None:
    """It is not read any more, so its window is full; the reset behind it is heard all the same."""
    house.mock.read_limit_bytes = 1000
    client = await house.client()
    await client.send_raw(opening() + upload(1))
    await until(lambda: house.mock.connections and house.mock.connections[0].received_bytes >= 1000)
    await leave(client, how)
    with trio.fail_after(PROMPT_S * 4):
        await gone(house)
    house.mock.resume_reading()
    assert await house.mock.closed_within(1)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_leaving_an_upload_that_moves(house, how: str) -> None:
    client = await house.client()
    await client.send_raw(opening() + upload(1, 50_000))
    await until(lambda: house.mock.connections and house.mock.connections[0].received_bytes > 40_000)
    await leave(client, how)
    assert await house.mock.closed_within(PROMPT_S)
    await gone(house)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_leaving_a_body_that_is_held(house, how: str) -> None:
    client = await house.client()
    begun = said(head(1, b"POST", CHAT, AUTH, JSON, ended=False), data(1, b'{"model":"gpt-4o"'))
    await client.send_raw(opening() + begun)
    await until(lambda: house.gateway.doorway.connections)
    await trio.sleep(0.02)
    await leave(client, how)
    with trio.fail_after(PROMPT_S * 4):
        await gone(house)
    assert house.mock.accepted == 0


async def leave(client, how: str) -> None:
    if how == "reset":
        await client.send_raw(said(reset(1)))
    else:
        client.close()


async def test_an_upload_that_nobody_takes_holds_up_no_other_request(house) -> None:
    house.mock.read_limit_bytes = 1000
    client = await house.client()
    await client.send_raw(opening() + upload(1))
    await until(lambda: house.mock.connections)
    await client.send_raw(said(head(3, b"GET", b"/v1/models", AUTH)))
    with trio.fail_after(2):
        while b"gpt-4o" not in client.buffer:
            await client._more()
    client.close()


async def test_bodies_that_nobody_wanted_are_given_back_to_the_connections_window(house) -> None:
    """More than it holds, refused one after the other; then one that is wanted comes through."""
    client = await house.client()
    await client.send_raw(opening())
    wrong = (b"authorization", b"Bearer wrong")
    stream = 1
    for _ in range(3 * CONNECTION_BYTES // HELD_BYTES):
        await client.send_raw(
            said(
                head(stream, b"POST", FILES, wrong, BINARY, ended=False),
                *(data(stream, FRAME) for _ in range(HELD_BYTES // len(FRAME))),
            )
        )
        await until(lambda n=stream: len(house.records) == (n + 1) // 2)
        stream += 2
    await client.send_raw(upload(stream) + said(data(stream, b"", ended=True)))
    await until(lambda: house.mock.requests)
    assert len(house.mock.requests[0].body) == HELD_BYTES // len(FRAME) * len(FRAME)
    assert not client.ended
    client.close()


async def test_a_long_upload_goes_through_windows_smaller_than_it(house) -> None:
    client = await house.client()
    sender = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    sender.initiate_connection()
    fields = [(":method", "POST"), (":path", "/v1/files"), (":scheme", "http"), (":authority", "g")]
    sender.send_headers(1, [*fields, AUTH, BINARY])
    left = 5_000_000
    with trio.fail_after(10):
        while left:
            room = min(sender.local_flow_control_window(1), sender.max_outbound_frame_size, left)
            if room:
                left -= room
                sender.send_data(1, b"x" * room, end_stream=not left)
                await client.send_raw(sender.data_to_send())
            else:
                sender.receive_data(await client.stream.receive_some(65536))
                await client.send_raw(sender.data_to_send())
        await house.mock.received()
    assert len(house.mock.requests[0].body) == 5_000_000
    client.close()


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("size", [20_000, 3_000_000], ids=["fits the buffer", "fills the buffer"])
async def test_leaving_an_answer_that_waits_for_the_clients_window(house, size: int, how: str) -> None:
    """Whoever writes the answer is not left waiting for a window that will never open."""
    house.mock.script(Said(body=b"x" * size))
    client = await house.client()
    body = data(1, b'{"model":"gpt-4o"}', ended=True)
    narrow = said(SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 1000}))
    await client.send_raw(opening() + narrow + said(head(1, b"POST", CHAT, AUTH, JSON, ended=False), body))
    while b"x" * 1000 not in client.buffer:
        await client._more()
    await leave(client, how)
    with trio.fail_after(2):
        await house.recorded()
    outcomes = {Outcome.CLIENT_GONE} if size > 1_000_000 else {Outcome.CLIENT_GONE, Outcome.OK}
    assert {record.outcome for record in house.records} <= outcomes, "what the server has taken is on its way"
    if how == "reset":
        await client.send_raw(said(head(3, b"GET", b"/v1/models", AUTH)))
        with trio.fail_after(2):
            while b"\x00\x00\x03" not in client.buffer:
                await client._more()
