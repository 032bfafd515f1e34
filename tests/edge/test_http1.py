from __future__ import annotations

import re
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import Answer as Said
from loadtest.answers import Framing, chat, chat_stream
from proxy.types import Outcome

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'
LIVE = b"GET /health/liveliness HTTP/1.1\r\nHost: g\r\n\r\n"


async def until(condition) -> None:
    with trio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - sockets tell nobody
            await trio.sleep(0.001)


def held(*pieces: bytes) -> tuple[Said, trio.Event]:
    """A chunked answer that goes on when the test says so."""
    go = trio.Event()

    async def body():
        yield pieces[0]
        await go.wait()
        for piece in pieces[1:]:
            yield piece

    return Said(body=body(), framing=Framing.CHUNKED), go


async def test_requests_one_after_the_other(house, requests) -> None:
    client = await house.client()
    for _ in range(30):
        assert (await client.ask(requests.post(CHAT, PLAIN))).body == chat().body
    assert house.mock.accepted == 1
    assert len(house.gateway.doorway.connections) == 1


async def test_pipelined_requests_are_answered_in_order(house, requests) -> None:
    def answer(request) -> Said:
        number = int(request.target.rpartition(b"/")[2])
        size = 100 if number % 3 else 200_000
        return Said(
            body=b"%d:" % number + b"x" * size, framing=Framing.CHUNKED if number % 2 else Framing.LENGTH
        )

    house.mock.script(answer)
    client = await house.client()
    await client.send(b"".join(requests.get(b"/v1/files/%d" % number) for number in range(20)))
    for number in range(20):
        got = await client.answer(b"GET")
        assert got.whole
        assert got.body.startswith(b"%d:" % number)


async def test_pipelined_bodies_of_every_framing(house, requests) -> None:
    chunked = requests.post(CHAT, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    upload = chunked.replace(b"application/json", b"a/b").replace(CHAT, b"/v1/files")
    frames = b"9\r\n" + PLAIN[:9] + b"\r\n9\r\n" + PLAIN[9:] + b"\r\n0\r\n\r\n"
    client = await house.client()
    await client.send((requests.post(CHAT, PLAIN) + chunked + frames + upload + frames + LIVE) * 5)
    for number in range(20):
        assert (await client.answer()).status == 200, number
    assert [request.body for request in house.mock.requests] == [PLAIN] * 15


async def test_a_client_may_ask_for_the_close(house, requests) -> None:
    client = await house.client()
    got = await client.ask(requests.post(CHAT, PLAIN, b"Connection: close"))
    assert (got.status, got.header(b"connection")) == (200, b"close")
    assert await client.closed() == b""


async def test_an_answer_until_close_closes(house, requests) -> None:
    house.mock.script(Said(body=b"x" * 100_000, framing=Framing.CLOSE))
    client = await house.client()
    got = await client.ask(requests.post(CHAT, PLAIN))
    assert (len(got.body), got.header(b"connection")) == (100_000, b"close")


async def test_blank_lines_between_requests(house) -> None:
    client = await house.client()
    for blank in (b"", b"\r\n", b"\r\n\r\n", b"\n"):
        await client.send(blank + LIVE)
        assert (await client.answer(b"GET")).status == 200


async def test_a_body_is_asked_for_when_it_waits_to_be(house, requests) -> None:
    head, _, body = requests.post(CHAT, PLAIN, b"Expect: 100-continue").partition(b"\r\n\r\n")
    client = await house.client()
    await client.send(head + b"\r\n\r\n")
    with trio.fail_after(2):
        while b"100 Continue\r\n\r\n" not in client.buffer:
            await client._more()
    await client.send_raw(body)
    got = await client.answer()
    assert (got.status, got.interim) == (200, [100])
    assert house.mock.requests[0].header(b"expect") is None


@pytest.mark.parametrize("framing", [b"Content-Length: 6", b"Transfer-Encoding: chunked"])
async def test_an_upload_is_asked_for_when_it_waits_to_be(house, requests, framing: bytes) -> None:
    head = requests.get(b"/v1/files", b"Content-Type: a/b", b"Expect: 100-continue", framing, method=b"POST")
    client = await house.client()
    await client.send(head)
    with trio.fail_after(2):
        while b"100 Continue\r\n\r\n" not in client.buffer:
            await client._more()
    await client.send_raw(b"abcdef" if b"Length" in framing else b"6\r\nabcdef\r\n0\r\n\r\n")
    got = await client.answer()
    assert (got.status, got.interim) == (200, [100])
    assert house.mock.requests[0].body == b"abcdef"


async def test_a_body_that_came_by_itself_is_not_asked_for(house, requests) -> None:
    got = await house.ask(requests.post(CHAT, PLAIN, b"Expect: 100-continue"))
    assert (got.status, got.interim) == (200, [])


async def test_a_body_that_nobody_wants_is_not_asked_for(house, requests) -> None:
    head, _, _ = requests.post(CHAT, PLAIN, b"Expect: 100-continue", key=b"").partition(b"\r\n\r\n")
    client = await house.client()
    await client.send(head + b"\r\n\r\n")
    got = await client.answer()
    assert (got.status, got.interim, got.header(b"connection")) == (401, [], b"close")


async def test_interim_answers_come_through(house, requests) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    house.mock.script(Said(body=b"{}", before=hints * 2))
    assert (await house.ask(requests.post(CHAT, PLAIN))).interim == [103, 103]


async def test_a_refused_request_that_came_whole_costs_no_connection(house, requests) -> None:
    client = await house.client()
    got = await client.ask(requests.post(CHAT, PLAIN, key=b""))
    assert (got.status, got.header(b"connection")) == (401, None)
    assert (await client.ask(requests.post(CHAT, PLAIN))).status == 200


async def test_a_refused_request_that_did_not_does(house, requests) -> None:
    client = await house.client()
    await client.send(requests.post(CHAT, PLAIN, key=b"")[:-4])
    got = await client.answer()
    assert (got.status, got.header(b"connection")) == (401, b"close")
    await client.send_raw(PLAIN[-4:] + LIVE)
    assert await client.closed() == b""


async def test_a_large_body_that_is_refused_does_not_tear_down_its_answer(house, requests) -> None:
    client = await house.client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send, requests.post(CHAT, b"x" * 20_000_000))
        got = await client.answer()
        nursery.cancel_scope.cancel()
    assert got.status == 413
    assert got.whole


@pytest.mark.parametrize(
    "start", [b"G", LIVE[:-4], LIVE + b"POST "], ids=["one byte", "a head", "a second head"]
)
async def test_a_slow_head_is_closed(make_house, start: bytes) -> None:
    async with make_house(header_timeout_s=0.05) as house:
        client = await house.client()
        await client.send(start)
        if start.startswith(LIVE):
            await client.answer(b"GET")
        began = time.monotonic()
        assert await client.closed() == b""
        assert time.monotonic() - began < 1


async def test_an_idle_connection_is_closed(make_house, door: str) -> None:
    async with make_house(keep_alive_timeout_s=0.1) as house:
        if door == "asgi":
            return  # a plain hypercorn has its own figure
        client = await house.client(door)
        began = time.monotonic()
        assert await client.closed() == b""
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("door", ["fast", "replayed"])
@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
async def test_a_client_that_stops_reading_is_cut_off(
    make_house, requests, door: str, framing: Framing
) -> None:
    """A plain hypercorn has no such deadline: it shields its sends."""
    async with make_house(write_timeout_s=0.1) as house:
        pieces = (b"x" * 65536,) * 600
        house.mock.script(
            Said(body=b"".join(pieces) if framing is Framing.LENGTH else pieces, framing=framing)
        )
        client = await house.client(door, receive_bytes=4096)
        await client.send(requests.post(CHAT, PLAIN))
        await house.mock.received()
        assert await house.mock.closed_within(3)
        await house.recorded()
        assert house.records[0].outcome is Outcome.CLIENT_GONE


async def test_more_connections_than_allowed(make_house, requests, door: str) -> None:
    async with make_house(max_connections=2) as house:
        if door == "asgi":
            return
        said, go = held(b"a", b"b")
        house.mock.script(said)
        first = await house.client(door)
        await first.send(requests.post(CHAT, PLAIN))
        await house.mock.received()
        second = await house.client()
        assert (await second.ask(LIVE)).status == 200
        third = await house.client()
        assert await third.closed() == b""
        second.close()
        await until(lambda: len(house.gateway.doorway.connections) == 1)
        assert (await house.ask(LIVE)).status == 200
        go.set()
        assert (await first.answer()).body == b"ab"


class TestDrain:
    async def test_idle_connections_are_closed(self, house) -> None:
        idle, used, kept = await house.client(), await house.client(), await house.client("replayed")
        assert (await used.ask(LIVE)).status == 200
        await wait_all_tasks_blocked(0.01)
        house.stop.set()
        for client in (idle, used, kept):
            assert await client.closed() == b""
        with trio.fail_after(2):
            await house.served.wait()

    async def test_a_running_answer_is_finished(self, house, requests, door: str) -> None:
        if door == "asgi":
            return
        said, go = held(b"begun ", b"and ended")
        house.mock.script(said)
        client = await house.client(door)
        await client.send(requests.post(CHAT, PLAIN))
        await until(lambda: house.mock.requests)
        await wait_all_tasks_blocked(0.01)
        house.stop.set()
        await wait_all_tasks_blocked(0.01)
        assert not house.served.is_set()
        go.set()
        got = await client.answer()
        assert (got.body, got.whole) == (b"begun and ended", True)
        assert await client.closed() == b""
        with trio.fail_after(2):
            await house.served.wait()

    @pytest.mark.parametrize("size", [10, 200_000])
    async def test_an_answer_that_begins_while_draining_says_that_it_is_the_last(
        self, house, requests, size: int
    ) -> None:
        house.mock.script(Said(body=b"x" * size, head_delay_s=0.1))
        client = await house.client()
        await client.send(requests.post(CHAT, PLAIN))
        await house.mock.received()
        house.stop.set()
        got = await client.answer()
        assert (got.status, len(got.body), got.header(b"connection")) == (200, size, b"close")
        assert await client.closed() == b""

    async def test_a_request_on_its_way_is_answered(self, house, requests) -> None:
        client = await house.client()
        await client.send(requests.post(CHAT, PLAIN)[:-5])
        await until(lambda: house.in_use)
        await wait_all_tasks_blocked(0.01)
        house.stop.set()
        await wait_all_tasks_blocked(0.01)
        await client.send_raw(PLAIN[-5:])
        got = await client.answer()
        assert (got.status, got.header(b"connection")) == (200, b"close")

    async def test_no_new_connections(self, house) -> None:
        house.stop.set()
        with trio.fail_after(2):
            await house.served.wait()
        with pytest.raises(OSError, match="refused"):
            await house.client()


@pytest.mark.parametrize("path", [b"/docs", b"/v1/files"])
async def test_a_client_that_asks_and_does_not_read_is_not_asked_for_more(
    house, requests, path: bytes
) -> None:
    """Short answers go out without waiting, but not beyond what the client takes."""
    house.mock.script(lambda _: Said(body=b"x" * 10_000))
    client = await house.client(receive_bytes=4096)
    with trio.move_on_after(1):
        await client.send(requests.get(path) * 5000)
    answered = -1
    with trio.fail_after(5):
        while answered != len(house.records):
            answered = len(house.records)
            await trio.sleep(0.1)
    [connection] = house.gateway.doorway.connections
    assert answered < 5000
    assert len(connection.link._unsent) <= 64 * 1024


async def test_a_stream_is_passed_on_event_by_event(house, requests) -> None:
    """Nothing is held back until more comes."""
    events = chat_stream(3).body
    said, go = held(events[0], *events[1:])
    house.mock.script(said)
    client = await house.client()
    await client.send(requests.post(CHAT, b'{"model":"gpt-4o","stream":true}'))
    with trio.fail_after(2):
        while events[0] not in client.buffer:
            await client._more()
    assert events[1] not in client.buffer
    go.set()
    assert (await client.answer()).body == b"".join(events)


async def test_many_clients_at_once(house, requests) -> None:
    """Two hundred, short and long answers mixed: every one whole, and nothing left."""

    def answer(request) -> Said:
        size = int(re.findall(rb"\d+$", request.target)[0])
        return Said(body=b"y" * size, framing=Framing.CHUNKED if size % 2 else Framing.LENGTH)

    house.mock.script(answer)
    sizes = [1, 1000, 70_001, 300_000, 17]

    async def visit(number: int) -> None:
        client = await house.client()
        for turn in range(4):
            size = sizes[(number + turn) % len(sizes)]
            got = await client.ask(requests.get(b"/v1/files/%d" % size))
            assert (len(got.body), got.whole) == (size, True)
        client.close()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(visit, number)
    await house.recorded(800)
    assert {record.outcome for record in house.records} == {Outcome.OK}


async def test_what_was_answered_before_the_protocol_changes_is_not_lost(house, requests) -> None:
    """Two requests in one packet; hypercorn gets the second. Side by side, so that answers are sent in company."""
    ended = 0

    async def visit() -> None:
        nonlocal ended
        client = await house.client()
        first = requests.get(b"/v1/files/1")
        await client.send_raw(first + requests.get(b"/v1/files/2").replace(b"HTTP/1.1", b"HTTP/1.0"))
        for _ in range(2):
            got = await client.answer(b"GET")
            assert (got.status, got.whole) == (200, True)
        client.close()
        ended += 1

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(visit)
    assert ended == 100
