from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator

import pytest
import trio

from loadtest.answers import Answer as Said
from loadtest.answers import Framing, chat_stream, reset, stalled, truncated
from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.upstream.ahead import Ahead
from proxy.upstream.answer import Answer
from proxy.wire.framing import CloseFraming
from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.parking import Late
from proxy.wire.pump import End

PIECES = (b"0123456789" * 600, b"abcdef" * 900)
BODY = b"".join(PIECES)
HEAD = b"HTTP/1.1 200 OK\r\n"


def wire_of(said: Said) -> bytes:
    """The body as it is sent."""
    return b"".join(said.writes())[len(said.head()) :]


async def look(answer: Answer, *, until_s: float = 5.0) -> Ahead:
    """All of it; each piece is told once."""
    ahead = Ahead(answer)
    told = ahead.payload
    deadline = time.monotonic() + until_s
    while not ahead.done:
        told += await ahead.read(deadline)
    assert told == ahead.payload
    return ahead


@pytest.fixture
def client(caller) -> Iterator[tuple[Link, socket.socket]]:
    """A client's link, and the socket at its other end."""
    near, far = socket.socketpair()
    link = Link(caller.reactor, near, caller.parking())
    link.is_client = True
    far.setblocking(False)
    yield link, far
    link.close()
    far.close()


@pytest.mark.parametrize("piece_bytes", [0, 1, 7])
@pytest.mark.parametrize("framing", list(Framing))
async def test_what_was_seen_is_still_there_to_be_read(
    caller, mock, framing: Framing, piece_bytes: int
) -> None:
    body = PIECES if not piece_bytes else (b"hello, ", b"world")
    mock.script(Said(body=body, framing=framing, piece_bytes=piece_bytes))
    answer = await caller.ask()
    ahead = await look(answer)
    assert ahead.payload == b"".join(body)
    with trio.fail_after(5):
        assert await ahead.read(math.inf) == b"", "it does not wait for more than there is"
    assert await answer.read_all(1_000_000) == b"".join(body)
    answer.close()
    assert caller.pool.idle() == (framing is not Framing.CLOSE)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("framing", list(Framing))
async def test_the_relay_is_byte_for_byte(caller, mock, client, framing: Framing, whole: bool) -> None:
    said = Said(body=PIECES, framing=framing, gap_s=0.01)
    mock.script(said)
    link, far = client
    answer = await caller.ask(parking=link.parking)
    if whole:
        await look(answer)
    else:
        assert BODY.startswith(Ahead(answer).payload)
    taken = answer.take_whole()
    if taken is None:
        with trio.fail_after(5):
            assert await answer.pump_into(link, b"head|", None, 5) is End.DONE
        assert far.recv(100_000) == b"head|" + wire_of(said)
    else:
        assert taken == wire_of(said)
    assert answer.received_bytes == len(wire_of(said))
    answer.close()
    assert caller.pool.idle() == (framing is not Framing.CLOSE)


async def test_a_stream_is_relayed_from_where_the_look_ended(caller, mock, client) -> None:
    said = chat_stream(5, gap_s=0.01)
    mock.script(said)
    link, far = client
    answer = await caller.ask(parking=link.parking)
    ahead = Ahead(answer)
    while ahead.payload.count(b"\n\n") < 2:
        await ahead.read(time.monotonic() + 5)
    assert not ahead.done
    with trio.fail_after(5):
        assert await answer.pump_into(link, b"", None, 5) is End.DONE
    assert far.recv(100_000) == wire_of(said)
    answer.close()


@pytest.mark.parametrize("extra", [b"Content-Length: 0", b"Transfer-Encoding: chunked"])
async def test_a_body_of_nothing_is_whole(caller, mock, extra: bytes) -> None:
    end = b"0\r\n\r\n" if extra.startswith(b"Transfer") else b""
    mock.script(Said(raw=HEAD + extra + b"\r\n\r\n" + end))
    answer = await caller.ask()
    assert (await look(answer)).payload == b""
    answer.close()
    assert caller.pool.idle() == 1


@pytest.mark.parametrize(
    "said",
    [
        truncated(5_000, Said(body=BODY)),
        truncated(5_000, Said(body=PIECES, framing=Framing.CHUNKED)),
        reset(5_000, Said(body=BODY)),
        Said(raw=HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Said(raw=HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
    ],
    ids=["length", "chunked", "reset", "bad-size", "bad-chunk"],
)
async def test_what_breaks_off_is_known_ahead(caller, mock, said: Said) -> None:
    mock.script(said)
    answer = await caller.ask()
    with pytest.raises(UpstreamFailure) as raised:
        await look(answer)
    assert raised.value.kind is ResultKind.BROKEN
    answer.close()
    assert caller.pool.idle() == 0


async def test_bytes_behind_the_end_are_not_seen(caller, mock) -> None:
    mock.script(Said(raw=HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nmore"))
    answer = await caller.ask()
    assert (await look(answer)).payload == b"ab"
    answer.close()
    assert caller.pool.idle() == 0


async def test_one_that_stalls_is_late_and_can_be_asked_again(caller, mock) -> None:
    said = chat_stream(1)
    mock.script(stalled(len(said.writes()[0]), said))
    answer = await caller.ask()
    ahead = Ahead(answer)
    with trio.fail_after(5):
        while not ahead.payload:
            await ahead.read(math.inf)
        for _ in range(2):
            with pytest.raises(Late):
                await ahead.read(time.monotonic() + 0.05)
    assert ahead.payload.endswith(b"\n\n")
    assert not ahead.done
    answer.close()


async def test_a_client_that_leaves_ends_the_look(caller, mock) -> None:
    mock.script(stalled(5_000, Said(body=BODY)))
    parking = caller.parking()
    answer = await caller.ask(parking=parking)
    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            parking.leave()

        nursery.start_soon(leave)
        with pytest.raises(ClientGone):
            await look(answer)
    answer.close()
    assert await mock.closed_within(1)


class Costly(bytes):
    """A piece that counts what it is copied with when it is added to something."""

    copied_bytes = 0

    def __add__(self, other: bytes) -> bytes:
        Costly.copied_bytes += len(self) + len(other)
        return bytes(self) + other

    def __radd__(self, other: bytes) -> bytes:
        Costly.copied_bytes += len(self) + len(other)
        return other + bytes(self)


@pytest.mark.pure
async def test_a_long_stream_in_small_pieces_is_held_without_copying_it_again_and_again(
    caller, mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 MB in events of 200 bytes: each byte is looked at once, joined once, and copied by no piece that follows."""
    events = [Costly(b"data: %b\n\n" % (b"x" * 192))] * 20_000
    fed_bytes = 0

    class Counting(CloseFraming):
        def feed(self, data: bytes, into: list[bytes] | None = None) -> int:
            nonlocal fed_bytes
            fed_bytes += len(data)
            return super().feed(data, into)

    mock.script(Said(framing=Framing.CLOSE, body=b""))
    answer = await caller.ask()
    monkeypatch.setattr("proxy.upstream.answer.framing_of", lambda _size: Counting())
    coming = iter([*events, b""])

    async def read(_deadline: float) -> bytes:
        return next(coming)

    monkeypatch.setattr(answer._connection.link.__class__, "read", lambda _self, deadline: read(deadline))
    Costly.copied_bytes = 0
    ahead = Ahead(answer)
    while not ahead.done:
        await ahead.read(math.inf)
    monkeypatch.undo()
    size = sum(map(len, events))
    assert (len(ahead.payload), ahead.size, len(answer.held)) == (size, size, size)
    assert fed_bytes == size
    assert Costly.copied_bytes == 0
    answer.close()
