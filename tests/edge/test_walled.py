"""A bug that is reached from outside ends what it was reached by: its client is cut, its upstream too, and no other."""

from __future__ import annotations

import pytest
import trio

from loadtest.answers import chat, chat_stream
from proxy.accounting.sse_usage import SseUsageTap
from proxy.edge.asgi import AsgiExchange
from proxy.edge.exchange import FastExchange
from proxy.edge.http1 import ClientConnection
from proxy.types import Outcome

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'
STREAM = b'{"model":"gpt-4o","stream":true}'


async def asked(house, requests) -> None:
    """The next request on a fresh connection is answered."""
    house.mock.unscript()
    assert (await house.ask(requests.get(b"/livez"))).status == 200
    assert (await house.ask(requests.post(CHAT, PLAIN))).status == 200


def counts(house) -> dict[str, int]:
    return {name: count for name, count in house.gateway.reactor.walls.counts().items() if count}


@pytest.mark.pure
async def test_a_tap_that_raises_in_the_reactor(house, requests, monkeypatch) -> None:
    """Of two streams, at the second piece of the one that is marked."""
    plain_feed = SseUsageTap.feed

    def feed(self, payload: bytes) -> None:
        if b"poison" in payload:
            raise LookupError("a tap's bug")
        plain_feed(self, payload)

    monkeypatch.setattr(SseUsageTap, "feed", feed)
    go = trio.Event()
    stream = chat_stream(3)

    async def events(last: bytes):
        yield stream.body[0]
        await go.wait()
        yield last

    def answer(request):
        mark = b"data: poison\n\n" if b"X-Sick" in request.head else b"data: [DONE]\n\n"
        return type(stream)(headers=stream.headers, body=events(mark), framing=stream.framing)

    house.mock.script(answer)
    clients = [await house.client() for _ in range(2)]
    await clients[0].send(requests.post(CHAT, STREAM, b"X-Sick: 1"))
    await clients[1].send(requests.post(CHAT, STREAM))
    for client in clients:
        while b"data:" not in client.buffer:
            await client._more()
    go.set()
    assert b"[DONE]" not in await clients[0].closed()
    with trio.fail_after(2):
        while b"[DONE]" not in clients[1].buffer:
            await clients[1]._more()
    assert await house.mock.closed_within(1, 0), "its upstream is cut as well"
    clients[1].close()
    await house.recorded(2)
    assert sorted(record.outcome.value for record in house.records) == ["gateway_error", "ok"]
    assert counts(house) == {"callees": 1, "requests": 1}
    await asked(house, requests)


@pytest.mark.parametrize("door", ["fast", "replayed"])
async def test_a_door_that_raises(house, requests, monkeypatch, door: str) -> None:
    async def answer(self, reply, extra=()) -> None:
        raise LookupError("a door's bug")

    exchange = FastExchange if door == "fast" else AsgiExchange
    with monkeypatch.context() as patch:
        patch.setattr(exchange, "answer", answer)
        got = await house.ask(requests.get(b"/livez"), door)
    assert got.status in (0, 500)
    assert counts(house)
    await asked(house, requests)


@pytest.mark.pure
async def test_a_connection_that_raises(house, requests, monkeypatch) -> None:
    async def _read_head(self) -> bytes | None:
        raise LookupError("a connection's bug")

    with monkeypatch.context() as patch:
        patch.setattr(ClientConnection, "_read_head", _read_head)
        client = await house.client()
        assert await client.closed() == b""
    assert counts(house) == {"connections": 1}
    await asked(house, requests)


@pytest.mark.parametrize(
    "behind",
    [
        b"\x00\x01garbage\r\n\r\n",
        b"GET /\xff HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: g\r\n\r\n",
        b"\r\n" * 1000,
    ],
)
async def test_what_comes_behind_a_request_of_1_0_spoils_nothing(house, requests, behind: bytes) -> None:
    """While that is in work: two answers would have been begun."""
    house.mock.accept_delay_s = 0.1
    client = await house.client("replayed")
    await client.send(requests.post(CHAT, PLAIN))
    await client.send_raw(behind)
    got = await client.answer()
    assert (got.status, got.body) == (200, chat().body)
    await house.recorded()
    assert [record.outcome for record in house.records] == [Outcome.OK]
    assert counts(house) == {}
    await asked(house, requests)
