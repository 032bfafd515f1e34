from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from proxy.edge.exchange import FastExchange
from proxy.edge.limits import DoorLimits
from proxy.wire.head import RequestHead
from proxy.wire.link import Link
from proxy.wire.reactor import Parking, Reactor
from proxy.wire.response_head import parse_response_head

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
    yield FastExchange(LIMITS, link, RequestHead(b"POST", b"/", ()), 0, b""), far
    link.close()
    far.close()


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
