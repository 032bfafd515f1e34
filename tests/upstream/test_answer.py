from __future__ import annotations

import socket
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import Answer as Said
from loadtest.answers import Framing, chat, chat_stream, reset, stalled, truncated
from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.wire.link import Link
from proxy.wire.pump import End

LONG = b"0123456789" * 30_000


class Browser:
    """A client's link in the answer's parking, and what arrives at its other end."""

    def __init__(self, caller, nursery) -> None:
        self.parking = caller.parking()
        self.near, self.far = socket.socketpair()
        self.link = Link(caller.reactor, self.near, self.parking)
        self.link.is_client = True
        self.far.setblocking(False)
        self.got = bytearray()
        nursery.start_soon(self._listen)

    async def _listen(self) -> None:
        stream = trio.socket.from_stdlib_socket(self.far)
        while piece := await stream.recv(65536):
            self.got += piece

    async def arrived(self, count: int) -> bytes:
        with trio.fail_after(5):
            while len(self.got) < count:
                await trio.lowlevel.checkpoint()
        return bytes(self.got)


@pytest.fixture
async def browser(caller, nursery):
    made = Browser(caller, nursery)
    yield made
    made.link.close()
    made.far.close()


class Tap:
    def __init__(self) -> None:
        self.seen = b""

    def feed(self, payload: bytes) -> None:
        self.seen += payload


@pytest.mark.parametrize("framing", list(Framing))
async def test_every_framing_is_read_to_its_end(caller, mock, framing: Framing) -> None:
    mock.script(Said(body=(LONG, b"", LONG) if framing is Framing.CHUNKED else LONG + LONG, framing=framing))
    assert await caller.whole() == LONG + LONG
    assert caller.pool.idle() == (framing is not Framing.CLOSE)


@pytest.mark.parametrize("framing", list(Framing))
async def test_every_framing_is_pumped_as_it_came(caller, mock, browser, framing: Framing) -> None:
    said = Said(body=(LONG, LONG), framing=framing)
    mock.script(said)
    tap = Tap()
    answer = await caller.ask(parking=browser.parking)
    assert answer.take_whole() is None
    with trio.fail_after(5):
        assert await answer.pump_into(browser.link, b"head|", tap, 5) is End.DONE
    wire = b"".join(said.writes())[len(said.head()) :]
    assert await browser.arrived(5 + len(wire)) == b"head|" + wire
    assert tap.seen == LONG + LONG
    assert answer.received_bytes == len(wire)
    answer.close()
    assert caller.pool.idle() == (framing is not Framing.CLOSE)


async def test_a_body_that_came_with_its_head_is_taken_once(caller) -> None:
    answer = await caller.ask()
    assert answer.take_whole() == chat().body
    assert answer.take_whole() is None
    assert await answer.read() == b""
    answer.close()
    assert caller.pool.idle() == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_leave_a_clean_connection(caller, mock, status: int) -> None:
    mock.script(Said(status, headers=()))
    assert await caller.whole() == b""
    assert caller.pool.idle() == 1


async def test_the_answer_to_a_head_request_has_no_body_whatever_it_says(caller, mock) -> None:
    mock.script(Said(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"))
    assert await caller.whole(caller.outbound(b"", b"HEAD")) == b""
    assert caller.pool.idle() == 1


async def test_an_answer_that_announces_a_close_is_not_kept(caller, mock) -> None:
    mock.script(replace(chat(), headers=((b"Connection", b"close"),)))
    assert await caller.whole() == chat().body
    assert caller.pool.idle() == 0


async def test_an_unread_answer_costs_its_connection(caller, mock) -> None:
    mock.script(stalled(50_000, Said(body=LONG)))
    answer = await caller.ask()
    answer.close()
    assert caller.pool.idle() == 0
    assert await mock.closed_within(1)


async def test_an_unwanted_answer_that_is_here_whole_does_not(caller, mock) -> None:
    mock.script(replace(chat(), framing=Framing.CHUNKED))
    answer = await caller.ask()
    await wait_all_tasks_blocked(0.01)
    answer.close()
    assert caller.pool.idle() == 1
    assert await caller.whole() == chat().body
    assert mock.accepted == 1


async def test_closing_twice_is_closing_once(caller) -> None:
    answer = await caller.ask()
    answer.close()
    answer.close()
    assert caller.pool.idle() == 1


async def test_closing_twice_does_not_touch_the_connections_next_exchange(caller, mock) -> None:
    mock.script(chat(), Said(body=LONG))
    first = await caller.ask()
    first.close()
    second = await caller.ask()
    first.close()
    assert await second.read_all(1_000_000) == LONG
    second.close()
    assert mock.accepted == 1


@pytest.mark.parametrize(
    "said",
    [
        truncated(5_000, Said(body=LONG)),
        truncated(5_000, Said(body=(LONG,), framing=Framing.CHUNKED)),
        reset(5_000, Said(body=LONG)),
        Said(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ],
    ids=["length", "chunked", "reset", "bad-chunk"],
)
async def test_an_answer_that_breaks_off(caller, mock, browser, said: Said) -> None:
    mock.script(said, said)
    answer = await caller.ask()
    with pytest.raises(UpstreamFailure) as raised:
        await answer.read_all(10_000_000)
    assert raised.value.kind is ResultKind.BROKEN
    answer.close()
    pumped = await caller.ask(parking=browser.parking)
    with trio.fail_after(5):
        end = await pumped.pump_into(browser.link, b"", None, 5)
    assert end in (End.SOURCE_EOF, End.SOURCE_BROKEN, End.BAD_FRAMING)
    pumped.close()
    assert caller.pool.idle() == 0


async def test_an_answer_that_stalls(caller, mock, browser) -> None:
    mock.script(stalled(5_000, Said(body=LONG)), stalled(5_000, Said(body=LONG)))
    caller.be(gap_s=0.05)
    answer = await caller.ask()
    with pytest.raises(UpstreamFailure):
        await answer.read_all(10_000_000)
    answer.close()
    pumped = await caller.ask(parking=browser.parking)
    assert await pumped.pump_into(browser.link, b"", None, 5) is End.STALLED
    pumped.close()


async def test_an_answer_larger_than_its_reader_allows(caller, mock) -> None:
    mock.script(Said(body=LONG))
    answer = await caller.ask()
    with pytest.raises(UpstreamFailure) as raised:
        await answer.read_all(1000)
    assert raised.value.kind is ResultKind.SERVER_ERROR
    answer.close()
    assert caller.pool.idle() == 0


@pytest.mark.parametrize(("cut", "takes_event"), [(0, True), (3, False)])
async def test_a_broken_stream_says_whether_an_event_may_follow(
    caller, mock, browser, cut: int, takes_event: bool
) -> None:
    stream = chat_stream(3)
    first_events = b"".join(stream.writes()[:2])
    mock.script(stalled(len(first_events) - cut, stream))
    caller.be(gap_s=0.05)
    answer = await caller.ask(parking=browser.parking)
    assert await answer.pump_into(browser.link, b"", None, 5) is End.STALLED
    assert answer.takes_event is takes_event
    answer.close()


async def test_a_client_that_left_costs_the_connection_at_once(caller, mock, browser) -> None:
    mock.script(stalled(5_000, Said(body=LONG)))
    answer = await caller.ask(parking=browser.parking)
    browser.far.close()
    with trio.fail_after(1):
        assert await answer.pump_into(browser.link, b"", None, 5) is End.SINK_GONE
    answer.close()
    assert await mock.closed_within(0.05)


@pytest.mark.parametrize(
    ("framing", "came", "begun"),
    [
        (Framing.LENGTH, 0, False),
        (Framing.LENGTH, 1, True),
        (Framing.CLOSE, 0, False),
        (Framing.CLOSE, 1, True),
        (Framing.CHUNKED, 0, False),
        (Framing.CHUNKED, len(b"6"), False),
        (Framing.CHUNKED, len(b"6\r\n"), False),
        (Framing.CHUNKED, len(b"6\r\nh"), True),
    ],
)
async def test_an_answer_has_begun_when_payload_has_come(
    caller, mock, framing: Framing, came: int, begun: bool
) -> None:
    said = Said(body=(b"hello,", b"world"), framing=framing)
    mock.script(stalled(len(said.head()) + came, said))
    answer = await caller.ask()
    assert (len(answer.held), answer.begun) == (came, begun)
    answer.close()


async def test_an_answer_that_is_here_whole_has_begun(caller, mock) -> None:
    mock.script(Said(body=b"hello"), Said(body=(), framing=Framing.CHUNKED, raw=b"HTTP/1.1 200 OK\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))  # fmt: skip
    for _ in range(2):
        answer = await caller.ask()
        assert answer.begun
        answer.close()
