from __future__ import annotations

import errno
import math
import socket
import time
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import Answer as Said
from loadtest.answers import Framing, chat, error, reset, stalled, truncated
from loadtest.certificates import make_certificates
from loadtest.mock_upstream import mock_upstream, unanswered_port
from proxy.errors import UpstreamFailure
from proxy.types import Layer, ResultKind
from proxy.upstream import client, dialling
from proxy.upstream.client import MAX_ANSWER_HEAD_BYTES, MAX_INTERIM_ANSWERS
from proxy.upstream.destination import Endpoint
from proxy.upstream.pool import ConnectionPool
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.uplink import Uplink
from tests.upstream.conftest import Caller
from tests.upstream_client import upstream_client

SHORT_S = 0.05


async def failure(asking) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as raised:
        await asking
    return raised.value


async def test_one_exchange(caller, mock) -> None:
    assert await caller.whole(caller.outbound(b'{"a": 1}')) == chat().body
    request = mock.requests[0]
    assert (request.method, request.body) == (b"POST", b'{"a": 1}')


async def test_connections_are_reused(caller, mock) -> None:
    for _ in range(20):
        await caller.whole()
    assert mock.accepted == 1


@pytest.mark.parametrize("piece_bytes", [1, 7, 100])
async def test_an_answer_in_small_pieces(caller, mock, piece_bytes: int) -> None:
    said = chat(size_bytes=600)
    mock.script(
        replace(said, piece_bytes=piece_bytes),
        replace(said, piece_bytes=piece_bytes, framing=Framing.CHUNKED),
    )
    assert await caller.whole() == said.body
    assert await caller.whole() == said.body
    assert mock.accepted == 1


async def test_a_stale_connection_is_replaced_silently(caller, mock) -> None:
    """Its peer closes it at the very moment when the next request goes out."""
    mock.script(chat(), truncated(), chat())
    await caller.whole()
    assert await caller.whole() == chat().body
    assert [request.connection for request in mock.requests] == [0, 0, 1]


async def test_a_reset_stale_connection_is_replaced_too(caller, mock) -> None:
    mock.script(chat(), reset(), chat())
    await caller.whole()
    assert await caller.whole() == chat().body


async def test_a_kept_connection_that_ends_late_had_the_request(caller, mock, monkeypatch) -> None:
    """It is not sent again: the upstream may have worked on it."""
    monkeypatch.setattr(client, "STALE_S", 0.0)
    mock.script(chat(), reset(), chat())
    await caller.whole()
    assert (await failure(caller.ask())).kind is ResultKind.BROKEN
    assert len(mock.requests) == 2


async def test_a_long_request_on_a_stale_connection_is_sent_again_whole(caller, mock) -> None:
    body = b"x" * 3_000_000
    mock.script(chat(), reset(), chat())
    await caller.whole()
    assert await caller.whole(caller.outbound(body)) == chat().body
    assert mock.requests[-1].body == body


async def test_a_fresh_connection_that_closes_unanswered_is_broken(caller, mock) -> None:
    mock.script(truncated())
    assert (await failure(caller.ask())).kind is ResultKind.BROKEN


async def test_two_stale_answers_in_a_row_are_a_failure(caller, mock) -> None:
    mock.script(chat(), truncated(), truncated())
    await caller.whole()
    assert (await failure(caller.ask())).kind is ResultKind.BROKEN
    assert len(mock.requests) == 3


async def test_a_reused_connection_that_began_to_answer_is_not_stale(caller, mock) -> None:
    mock.script(chat(), truncated(20))
    await caller.whole()
    assert (await failure(caller.ask())).kind is ResultKind.SERVER_ERROR
    assert len(mock.requests) == 2


async def test_an_interim_answer_is_an_answer(caller, mock) -> None:
    """The upstream had taken the request: it must not be sent twice."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    mock.script(chat(), replace(truncated(), before=hints, fault_at=0))
    await caller.whole()
    assert (await failure(caller.ask())).kind in (ResultKind.SERVER_ERROR, ResultKind.BROKEN)
    assert len(mock.requests) == 2


async def test_refused(caller, mock) -> None:
    mock.refuse()
    assert (await failure(caller.ask())).kind is ResultKind.REFUSED


async def test_an_unknown_name(caller) -> None:
    caller.endpoint = Endpoint("nowhere.invalid", 80, tls=False)
    assert (await failure(caller.ask())).kind is ResultKind.REFUSED


async def test_a_connect_that_hangs(caller) -> None:
    caller.be(connect_s=SHORT_S)
    async with unanswered_port() as port:
        caller.endpoint = Endpoint("127.0.0.1", port, tls=False)
        assert (await failure(caller.ask())).kind is ResultKind.REFUSED


async def test_no_first_byte(caller, mock) -> None:
    caller.be(first_byte_s=SHORT_S)
    mock.script(stalled())
    assert (await failure(caller.ask())).kind is ResultKind.TIMEOUT
    assert await mock.closed_within(1)


async def test_a_head_that_does_not_end_in_time(caller, mock) -> None:
    caller.be(first_byte_s=SHORT_S)
    mock.script(stalled(30))
    assert (await failure(caller.ask())).kind is ResultKind.TIMEOUT


async def test_no_answer_is_waited_for_beyond_the_requests_own_end(caller, mock) -> None:
    """However long connecting and sending have taken."""
    caller.be(first_byte_s=math.inf)
    mock.script(stalled())
    asking = caller.client.send(
        caller.parking(), caller.endpoint, caller.outbound(), caller.patience, time.monotonic()
    )
    with trio.fail_after(10):
        assert (await failure(asking)).kind is ResultKind.TIMEOUT


async def test_unlimited_patience(caller) -> None:
    caller.be(first_byte_s=math.inf)
    assert await caller.whole() == chat().body


async def test_an_upstream_that_does_not_read(caller, mock) -> None:
    caller.be(write_s=SHORT_S)
    mock.read_limit_bytes = 1000
    assert (await failure(caller.ask(caller.outbound(b"x" * 20_000_000)))).kind is ResultKind.TIMEOUT


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01 this is not HTTP\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INTERIM_ANSWERS + 1),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 * MAX_ANSWER_HEAD_BYTES),
    ],
    ids=[
        "garbage",
        "version",
        "two-lengths",
        "both-framings",
        "switching",
        "endless-interim",
        "endless-head",
    ],
)
async def test_what_is_not_an_answer(caller, mock, raw: bytes) -> None:
    mock.script(Said(raw=raw))
    assert (await failure(caller.ask())).kind is ResultKind.SERVER_ERROR
    assert await mock.closed_within(1)


async def test_interim_answers_are_passed_on_and_passed_over(caller, mock) -> None:
    seen = []

    async def inform(head) -> None:
        seen.append((head.status, head.lines))

    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    mock.script(replace(chat(), before=hints))
    assert await caller.whole(caller.outbound(inform=inform)) == chat().body
    assert seen == [(103, b"Link: </x>\r\n")]
    assert caller.pool.idle() == 1


async def test_an_early_answer_to_a_long_request(caller, mock) -> None:
    """A 413 while the body is on its way is the answer, not a broken pipe."""
    mock.at_head = True
    mock.read_limit_bytes = 4096
    mock.script(error(413))
    answer = await caller.ask(caller.outbound(b"x" * 20_000_000))
    assert answer.head.status == 413
    assert b"mock error" in await answer.read_all(10_000)
    answer.close()
    assert caller.pool.idle() == 0, "half a request is still on the connection"


LATE = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"


@pytest.mark.pure
@pytest.mark.parametrize("size", [2, 2_000_000], ids=["posted", "written"])
async def test_what_comes_before_the_request_was_sent_is_not_its_answer(
    caller, mock, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A second answer that comes in the very moment between taking the idle connection and sending."""
    await caller.whole()
    take = caller.pool.take

    def take_and_be_told(endpoint: Endpoint):
        connection = take(endpoint)
        mock.connections[0]._stream.socket._sock.send(LATE)
        assert not connection.link.readable, "the reactor has not heard of it"
        return connection

    monkeypatch.setattr(caller.pool, "take", take_and_be_told)
    assert await caller.whole(caller.outbound(b"x" * size)) == chat().body
    assert [request.connection for request in mock.requests] == [0, 1]
    assert caller.pool.idle() == 0, "it is not trusted any more"


async def test_what_comes_before_a_kept_connection_has_it_whole_is_not_its_answer(caller, mock) -> None:
    """An early refusal is asked for again, where it cannot be an answer to somebody else."""
    await caller.whole()
    mock.connections[0]._owner.read_limit_bytes = mock.connections[0].received_bytes + 4096

    async def say_late() -> None:
        with trio.fail_after(5):
            while mock.connections[0].received_bytes < mock.read_limit_bytes:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.01)
        mock.connections[0]._stream.socket._sock.send(LATE)
        mock.resume_reading()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say_late)
        assert await caller.whole(caller.outbound(b"x" * 20_000_000)) == chat().body
    assert mock.requests[-1].connection == 1
    assert caller.pool.idle() == 1, "an early answer alone is nothing to be distrusted for"


async def test_an_early_answer_followed_by_a_close(caller, mock) -> None:
    said = error(413)
    mock.at_head = True
    mock.read_limit_bytes = 4096
    mock.script(truncated(len(said.head()) + said.length(), said))
    try:
        answer = await caller.ask(caller.outbound(b"x" * 20_000_000))
    except UpstreamFailure:
        return  # the reset that follows unread bytes may overtake the answer: then it is lost to anyone
    assert answer.head.status == 413
    answer.close()


class Pieces:
    """A body that is moved, as a door would move it."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def send_to(self, uplink: Uplink) -> None:
        for piece in self.pieces:
            await uplink.write(piece)
            await wait_all_tasks_blocked(0.005)


async def test_a_body_that_moves(caller, mock) -> None:
    await caller.whole(caller.outbound(b"ab", length=6, rest=Pieces(b"cd", b"ef")))
    assert mock.requests[0].body == b"abcdef"


async def test_a_body_that_moves_does_not_risk_a_stale_connection(caller, mock) -> None:
    await caller.whole()
    await caller.whole(caller.outbound(b"", length=2, rest=Pieces(b"ab")))
    assert [request.connection for request in mock.requests] == [0, 1]
    assert caller.pool.idle() == 2


async def test_an_upstream_that_answers_and_closes_in_the_midst_of_a_moving_body(caller, mock) -> None:
    mock.at_head = True
    said = error(400)
    mock.script(truncated(len(said.head()) + said.length(), said))
    rest = Pieces(*[b"x" * 100_000] * 20)
    answer = await caller.ask(caller.outbound(b"", length=2_000_000, rest=rest))
    assert answer.head.status == 400
    answer.close()
    assert caller.pool.idle() == 0


async def test_an_upstream_that_resets_in_the_midst_of_a_moving_body(caller, mock) -> None:
    mock.at_head = True
    mock.script(reset())
    rest = Pieces(*[b"x" * 100_000] * 20)
    asking = caller.ask(caller.outbound(b"", length=2_000_000, rest=rest))
    assert (await failure(asking)).kind is ResultKind.BROKEN


async def test_a_client_that_leaves_while_the_head_is_awaited(caller, mock, nursery) -> None:
    mock.script(stalled())
    parking = caller.parking()

    async def leave() -> None:
        await mock.received()
        parking.leave()

    nursery.start_soon(leave)
    with pytest.raises(ClientGone):
        await caller.ask(parking=parking)
    assert await mock.closed_within(0.05)


async def test_a_client_that_leaves_while_connecting(caller, nursery) -> None:
    parking = caller.parking()

    async def leave() -> None:
        await wait_all_tasks_blocked(0.01)
        parking.leave()

    async with unanswered_port() as port:
        caller.endpoint = Endpoint("127.0.0.1", port, tls=False)
        nursery.start_soon(leave)
        with trio.fail_after(1), pytest.raises(ClientGone):
            await caller.ask(parking=parking)


async def test_a_client_that_leaves_while_a_long_request_is_written(caller, mock, nursery) -> None:
    mock.read_limit_bytes = 4096
    parking = caller.parking()

    async def leave() -> None:
        await wait_all_tasks_blocked(0.02)
        parking.leave()

    nursery.start_soon(leave)
    with trio.fail_after(1), pytest.raises(ClientGone):
        await caller.ask(caller.outbound(b"x" * 20_000_000), parking)


async def test_a_cancelled_request_closes_its_connection(caller, mock) -> None:
    mock.script(stalled())
    with trio.move_on_after(0.05):
        await caller.ask()
    assert await mock.closed_within(1)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory):
    return make_certificates(tmp_path_factory.mktemp("ca"))


async def test_tls(caller, certificates) -> None:
    async with mock_upstream(tls=certificates.server_context()) as mock:
        caller.endpoint = Endpoint("localhost", mock.port, tls=True, verify=str(certificates.authority))
        body = b"x" * 2_000_000
        for _ in range(3):
            assert await caller.whole(caller.outbound(body)) == chat().body
        assert mock.accepted == 1
        assert mock.requests[-1].body == body
        assert caller.pool.session(caller.endpoint) is not None
        taken = caller.pool.take(caller.endpoint)
        taken.link.close()
        mock.script(Said(framing=Framing.CHUNKED, body=(b"a" * 50_000,) * 20))
        answer = await caller.ask()
        assert answer._connection.link.resumed
        assert len(await answer.read_all(10_000_000)) == 1_000_000
        answer.close()
        caller.pool.close()


@pytest.mark.parametrize("moves", [True, False])
async def test_an_early_answer_over_tls(caller, certificates, moves: bool) -> None:
    async with mock_upstream(tls=certificates.server_context()) as mock:
        caller.endpoint = Endpoint("localhost", mock.port, tls=True, verify=str(certificates.authority))
        mock.at_head = True
        mock.read_limit_bytes = 4096
        mock.script(error(413))
        body = b"x" * 20_000_000
        outbound = caller.outbound(b"", length=len(body), rest=Pieces(body, body)) if moves else None
        answer = await caller.ask(outbound or caller.outbound(body))
        assert answer.head.status == 413
        answer.close()
        assert caller.pool.idle() == 0


async def test_tls_with_an_unknown_authority(caller, certificates) -> None:
    async with mock_upstream(tls=certificates.server_context()) as mock:
        caller.endpoint = Endpoint("localhost", mock.port, tls=True)
        with pytest.raises(UpstreamFailure) as raised:
            await caller.ask()
        assert raised.value.kind is ResultKind.REFUSED
        assert "CERTIFICATE_VERIFY_FAILED" in raised.value.reason


async def test_tls_to_a_plain_port(caller, mock) -> None:
    caller.be(connect_s=0.2)
    caller.endpoint = Endpoint("127.0.0.1", mock.port, tls=True)
    assert (await failure(caller.ask())).kind is ResultKind.REFUSED


async def test_a_tls_answer_cut_without_close_notify_is_not_whole(caller, certificates) -> None:
    async with mock_upstream(tls=certificates.server_context()) as mock:
        caller.endpoint = Endpoint("localhost", mock.port, tls=True, verify=str(certificates.authority))
        mock.script(truncated(200, Said(framing=Framing.CLOSE, body=b"x" * 1000)))
        answer = await caller.ask()
        assert (await failure(answer.read_all(10_000))).kind is ResultKind.BROKEN
        answer.close()


async def test_another_dial_may_make_the_connections(mock, nursery) -> None:
    asked: list[Endpoint] = []

    async def dial(_parking: Parking, endpoint: Endpoint, _deadline: float) -> socket.socket:
        asked.append(endpoint)
        return socket.create_connection(("127.0.0.1", mock.port))

    elsewhere = Caller(Endpoint("nowhere.invalid", 1, tls=False), ConnectionPool(1, 30))
    elsewhere.client = upstream_client(elsewhere.reactor, elsewhere.pool, dial)
    nursery.start_soon(elsewhere.reactor.run)
    assert await elsewhere.whole() == chat().body
    assert asked == [elsewhere.endpoint]
    elsewhere.pool.close()


@pytest.mark.parametrize(
    ("number", "blame"),
    [(errno.EMFILE, Layer.NOBODY), (errno.EADDRNOTAVAIL, Layer.NOBODY), (errno.ECONNREFUSED, None)],
)
@pytest.mark.parametrize("failing", ["made", "connected"])
async def test_a_gateway_without_sockets_blames_no_upstream(
    caller, monkeypatch, failing: str, number: int, blame: Layer | None
) -> None:
    """Whoever opens so many connections that none are left must not take a host from all others."""

    class NoneLeft(socket.socket):
        def __init__(self, *args: int) -> None:
            if failing == "made":
                raise OSError(number, "none")
            super().__init__(*args)

        def connect_ex(self, _place: object) -> int:
            return number

    monkeypatch.setattr(dialling.socket, "socket", NoneLeft)
    caller.endpoint = Endpoint("127.0.0.1", 1, tls=False)
    failed = await failure(caller.ask())
    assert (failed.kind, failed.blame) == (ResultKind.REFUSED, blame)
