"""Accepting and draining, in one process: what happens to whom when the worker is told to stop."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import trio

from loadtest.answers import Answer
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.accounting.bus import Bus
from proxy.accounting.log import Log
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.config.sluice import SluiceSettings
from proxy.types import Secret
from proxy.worker.assembly import Gateway
from proxy.worker.serving import serve

PING = b"GET /health/liveliness HTTP/1.1\r\nHost: x\r\n\r\n"
CHAT = b'{"model":"m","messages":[]}'
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(CHAT) + CHAT
WAIT_S = 5.0


class Served:
    """A gateway that serves in this test's own nursery."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = trio.Event()
        self.at_once = trio.Event()
        self.ended = trio.Event()
        self.records: list[bytes] = []
        self.clients: list[trio.SocketStream] = []

    async def connect(self, first: bytes = b"") -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.clients.append(stream)
        await stream.send_all(first)
        return stream


Serve = Callable[[float], Awaitable[Served]]


@pytest.fixture
async def upstream() -> AsyncIterator[MockUpstream]:
    async with mock_upstream() as mock:
        yield mock


@pytest.fixture
async def start(upstream: MockUpstream, nursery: trio.Nursery) -> AsyncIterator[Serve]:
    every: list[Served] = []

    async def begin(drain_timeout_s: float) -> Served:
        limits = SluiceSettings(drain_timeout_s=drain_timeout_s)
        params = LitellmParams(model="openai/m", api_base=upstream.url, api_key=Secret("sk-1"))
        entry = ModelEntry(model_name="m", litellm_params=params)
        config = Config(model_list=(entry,), sluice_settings=limits)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        served = Served(listener.getsockname()[1])
        every.append(served)
        gateway = Gateway(config, {}, Bus([Log(served.records.append, "json")]))
        ready = trio.Event()

        async def run() -> None:
            await serve(gateway, [listener], limits, ready.set, served.stop, served.at_once)
            served.ended.set()

        nursery.start_soon(run)
        await ready.wait()
        return served

    yield begin
    for client in (client for served in every for client in served.clients):
        await client.aclose()


def slow(seconds: float) -> Answer:
    return Answer(body=b"{}", head_delay_s=seconds)


async def rest(stream: trio.SocketStream) -> bytes:
    data = b""
    try:
        while piece := await stream.receive_some():
            data += piece
    except trio.BrokenResourceError:
        pass
    return data


async def test_ready_means_that_connections_are_accepted(start: Serve) -> None:
    served = await start(1.0)
    with trio.fail_after(WAIT_S):
        stream = await served.connect(PING)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        served.stop.set()
        await served.ended.wait()


async def test_an_idle_connection_does_not_hold_up_the_drain(start: Serve) -> None:
    served = await start(60.0)
    with trio.fail_after(WAIT_S):
        never_used = await served.connect()
        used = await served.connect(PING)
        await used.receive_some()
        served.stop.set()
        await served.ended.wait()
        assert await rest(never_used) == b""
        assert await rest(used) == b""
    with pytest.raises(OSError, match="connect"):
        await served.connect()


async def test_a_request_that_waits_gets_its_answer_and_the_connection_closes(
    start: Serve, upstream: MockUpstream
) -> None:
    served = await start(60.0)
    upstream.script(slow(0.2))
    with trio.fail_after(WAIT_S):
        stream = await served.connect(ASK)
        await upstream.received()
        served.stop.set()
        told = await rest(stream)
        await served.ended.wait()
    assert told.startswith(b"HTTP/1.1 200")
    assert told.endswith(b"{}")


async def test_a_request_still_unanswered_at_the_drains_end_gets_503(
    start: Serve, upstream: MockUpstream
) -> None:
    served = await start(0.1)
    upstream.script(slow(60.0))
    with trio.fail_after(WAIT_S):
        stream = await served.connect(ASK)
        await upstream.received()
        served.stop.set()
        told = await rest(stream)
        await served.ended.wait()
    assert told.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1\r\n" in told
    assert b'"code":"gateway_stopping"' in told
    (record,) = map(msgspec.json.decode, served.records)
    assert (record["status"], record["outcome"]) == (503, "gateway_error")


async def test_at_once_does_not_wait_for_the_drains_end(start: Serve, upstream: MockUpstream) -> None:
    served = await start(60.0)
    upstream.script(slow(60.0))
    with trio.fail_after(WAIT_S):
        stream = await served.connect(ASK)
        await upstream.received()
        served.stop.set()
        served.at_once.set()
        await served.ended.wait()
        assert (await rest(stream)).startswith(b"HTTP/1.1 503")


async def test_a_connection_of_hypercorns_ends_too(start: Serve) -> None:
    served = await start(60.0)
    with trio.fail_after(WAIT_S):
        stream = await served.connect(b"GET /health/liveliness HTTP/1.1\r\nHost: x\r\nUpgrade: none\r\n"
                                      b"Connection: upgrade\r\n\r\n")  # fmt: skip
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        served.stop.set()
        await served.ended.wait()
        await rest(stream)
