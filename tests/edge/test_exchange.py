from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio

from proxy.edge.exchange import STRETCH_BYTES, FastExchange
from proxy.edge.limits import DoorLimits
from proxy.wire.form import RequestHead
from proxy.wire.framing import encode_chunk
from proxy.wire.link import Link
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from proxy.wire.response_rules import parse_response_head

LIMITS = DoorLimits(
    max_connections=1,
    header_bytes=1000,
    headers=10,
    header_timeout_s=1,
    keep_alive_s=1,
    body_timeout_s=1,
    write_timeout_s=1,
    stream_gap_s=1,
)
HINTS = parse_response_head(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", b"POST", frozenset())


@pytest.fixture
def ends() -> Iterator[tuple[FastExchange, socket.socket]]:
    """An exchange, and its client's socket."""
    near, far = socket.socketpair()
    reactor = Reactor()
    link = Link(reactor, near, Parking(reactor))
    yield FastExchange(LIMITS, link, RequestHead.of(b"POST", b"/", ()), 0, b""), far
    link.close()
    far.close()


def sent_so_far(client: socket.socket) -> bytes:
    client.setblocking(False)
    pieces: list[bytes] = []
    with suppress(BlockingIOError):
        while True:
            pieces.append(client.recv(1_000_000))
    return b"".join(pieces)


async def test_an_interim_answer_goes_on(ends: tuple[FastExchange, socket.socket]) -> None:
    exchange, client = ends
    await exchange.inform(HINTS)
    assert client.recv(1000) == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


async def test_an_interim_answer_stays_behind_once_comments_have_begun_the_stream(
    ends: tuple[FastExchange, socket.socket],
) -> None:
    """It would stand among the stream's bytes."""
    exchange, client = ends
    await exchange.keep_alive(b"")
    await exchange.inform(HINTS)
    assert client.recv(1000).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((), True),
        ((b"data: 1\n\n",), True),
        ((b"data: 1\r\n\r\n",), True),
        ((b"data: 1\n", b"\n"), True),
        ((b"data: 1\r\n", b"\r", b"\n"), True),
        ((b"data: 1\n\nda",), False),
        ((b"data: 1\n",), False),
    ],
)
async def test_last_words_stand_between_events_or_are_not_said(
    ends: tuple[FastExchange, socket.socket], pieces: tuple[bytes, ...], *, told: bool
) -> None:
    exchange, client = ends
    await exchange.keep_alive(b"")
    for piece in pieces:
        await exchange.write(piece)
    await exchange.abort(b"data: last\n\n")
    assert client.recv(10_000).endswith(b"c\r\ndata: last\n\n\r\n") is told
    assert exchange.closing


async def test_no_last_words_inside_a_piece_that_was_cut_off(
    ends: tuple[FastExchange, socket.socket],
) -> None:
    """Its chunk is announced, and not all of it was sent."""
    exchange, client = ends
    await exchange.keep_alive(b"")
    writing = exchange.write(b"data: %b\n\n" % (b"x" * 10_000_000))
    writing.send(None)  # it waits for the client, which reads nothing
    with pytest.raises(trio.Cancelled):
        writing.throw(trio.Cancelled._create(source="shutdown"))
    await exchange.abort(b"data: last\n\n")
    assert b"last" not in sent_so_far(client)


@pytest.mark.pure
async def test_a_long_piece_has_its_time_stretch_by_stretch(
    ends: tuple[FastExchange, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads slowly, but reads, is not cut off."""
    exchange, _ = ends
    stretches: list[bytes] = []

    async def take(_link: Link, data: memoryview, _deadline: float) -> None:
        stretches.append(bytes(data))

    monkeypatch.setattr(Link, "write", take)
    piece = bytes(range(256)) * 1000
    await exchange.write(piece)
    assert b"".join(stretches) == encode_chunk(piece)
    assert max(map(len, stretches)) == STRETCH_BYTES
