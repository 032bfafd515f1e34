from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from loadtest.answers import DONE, Answer, Fault, Framing, chat, chat_stream, error, reset, stalled, truncated
from loadtest.certificates import make_certificates
from loadtest.mock_upstream import MockUpstream, mock_upstream, unanswered_port

if TYPE_CHECKING:
    from loadtest.answers import RawRequest

POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\nContent-Length: %d\r\n\r\n%s"
ASK = POST % (2, b"{}")
PLAIN = b"".join(chat().writes())


def stream_bytes(events: int) -> bytes:
    return b"".join(chat_stream(events).writes())


async def test_it_answers_and_keeps_every_byte(mock: MockUpstream, client) -> None:
    await client.send(ASK)
    assert await client.read(len(PLAIN)) == PLAIN
    (request,) = mock.requests
    assert request.head + request.raw_body == ASK
    assert request.body == b"{}"


async def test_a_connection_serves_many_requests_pipelined_or_not(mock: MockUpstream, client) -> None:
    await client.send(ASK + ASK[:40])
    assert await client.read(len(PLAIN)) == PLAIN
    await client.send(ASK[40:])
    assert await client.read(len(PLAIN)) == PLAIN
    assert (mock.accepted, mock.connections[0].requests, mock.open_connections) == (1, 2, 1)


async def test_chunked_requests_are_kept_raw_and_decoded(mock: MockUpstream, client) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = b"3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n"
    await client.send(head + raw)
    await client.read(len(PLAIN))
    assert (mock.requests[0].head, mock.requests[0].raw_body, mock.requests[0].body) == (head, raw, b"abcd")


async def test_expect_is_met_before_the_body(mock: MockUpstream, client) -> None:
    await client.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert await client.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"x")
    assert await client.read(len(PLAIN)) == PLAIN


async def test_streams_come_chunk_by_chunk(mock: MockUpstream, client) -> None:
    await client.send(POST % (15, b'{"stream":true}'))
    whole = stream_bytes(64)
    assert await client.read(len(whole)) == whole
    assert DONE in whole


async def test_the_queue_answers_first_then_the_callable_then_the_default(mock: MockUpstream, client) -> None:
    def busy(request: RawRequest) -> Answer | None:
        return error(503) if request.body == b"{}" else None

    mock.script(error(429, retry_after="1"), busy)
    statuses = []
    for ask in (ASK, ASK, POST % (1, b"1")):
        await client.send(ask)
        status, _ = await client.read_answer()
        statuses.append(status)
    assert statuses == [429, 503, 200]
    mock.unscript()
    await client.send(ASK)
    assert await client.read(len(PLAIN)) == PLAIN


async def test_orders_come_in_a_header(mock: MockUpstream, client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nX-Mock: status=418; close_after\r\n\r\n")
    assert (await client.read_to_end()).startswith(b"HTTP/1.1 418 ")


async def test_a_bad_order_is_the_clients_fault(mock: MockUpstream, client) -> None:
    await client.send(b"GET / HTTP/1.1\r\nX-Mock: explode\r\nConnection: close\r\n\r\n")
    answer = await client.read_to_end()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"explode" in answer


@pytest.mark.parametrize("at", [0, 1, 30, 600])
async def test_truncated_ends_after_exactly_n_bytes(mock: MockUpstream, client, at: int) -> None:
    mock.script(truncated(at))
    await client.send(ASK)
    assert await client.read_to_end() == PLAIN[:at]


async def test_reset_sends_exactly_n_bytes_then_a_reset(mock: MockUpstream, client) -> None:
    mock.script(reset(20))
    await client.send(ASK)
    assert await client.read(20) == PLAIN[:20]
    with pytest.raises(trio.BrokenResourceError):
        await client.stream.receive_some()


async def test_a_stall_lasts_until_the_client_leaves(mock: MockUpstream, client) -> None:
    mock.script(stalled(20))
    await client.send(ASK)
    assert await client.read(20) == PLAIN[:20]
    assert not await mock.closed_within(0)
    await client.close()
    assert await mock.closed_within(1)
    assert mock.open_connections == 0


async def test_a_half_close_goes_on_reading(mock: MockUpstream, client) -> None:
    mock.script(Answer(body=b"x", fault=Fault.HALF_CLOSE, fault_at=5))
    await client.send(ASK)
    assert await client.read_to_end() == b"HTTP/"
    assert not await mock.closed_within(0)
    await client.close()
    assert await mock.closed_within(1)


async def test_a_client_that_leaves_mid_stream_is_noticed(mock: MockUpstream, client) -> None:
    mock.script(chat_stream(1000, gap_s=60))
    await client.send(ASK)
    await client.read(100)
    await client.close()
    assert await mock.closed_within(1)


async def test_a_test_can_hand_out_the_pieces(mock: MockUpstream, client) -> None:
    pieces, body = trio.open_memory_channel[bytes](0)
    answer = Answer(body=body, framing=Framing.CHUNKED)
    mock.script(answer)
    await client.send(ASK)
    assert await client.read(len(answer.head())) == answer.head()
    await pieces.send(b"one")
    assert await client.read(8) == b"3\r\none\r\n"
    await pieces.aclose()
    assert await client.read(5) == b"0\r\n\r\n"


async def test_an_answer_that_ends_by_closing(mock: MockUpstream, client) -> None:
    mock.script(Answer(headers=(), body=b"abc", framing=Framing.CLOSE))
    await client.send(ASK)
    assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"


async def test_a_connection_can_go_stale(mock: MockUpstream, client) -> None:
    mock.script(Answer(body=b"abc", close_after=True))
    await client.send(ASK)
    assert (await client.read_to_end()).endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize(
    "answer", [Answer(raw=b"\0garbage"), Answer(before=b"HTTP/1.1 103 Early Hints\r\n\r\n", raw=b"x")]
)
async def test_bytes_can_be_verbatim(mock: MockUpstream, client, answer: Answer) -> None:
    mock.script(answer)
    await client.send(ASK)
    whole = answer.before + (answer.raw or b"")
    assert await client.read(len(whole)) == whole


async def test_an_early_answer_does_not_wait_for_the_body(mock: MockUpstream, client) -> None:
    mock.at_head = True
    mock.script(error(413))
    await client.send(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc")
    assert await client.read(12) == b"HTTP/1.1 413"


async def test_reading_can_pause_and_resume(mock: MockUpstream) -> None:
    mock.read_limit_bytes = 10
    async with await trio.open_tcp_stream(mock.host, mock.port) as stream:
        await stream.send_all(ASK)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert mock.requests == []
        assert mock.connections[0].received_bytes == 10
        mock.resume_reading()
        assert (await stream.receive_some()) == PLAIN


async def test_it_refuses_and_comes_back_on_the_same_port(mock: MockUpstream) -> None:
    port = mock.port
    mock.refuse()
    with pytest.raises(OSError, match="attempt"):
        await trio.open_tcp_stream(mock.host, port)
    await mock.listen()
    assert mock.port == port
    async with await trio.open_tcp_stream(mock.host, port):
        pass


async def test_received_waits_for_requests(mock: MockUpstream, client) -> None:
    with trio.move_on_after(0) as waiting:
        await mock.received()
    assert waiting.cancelled_caught
    await client.send(ASK)
    await mock.received()


async def test_a_connect_can_hang() -> None:
    async with unanswered_port() as port:
        with trio.move_on_after(0.05) as connecting:
            await trio.open_tcp_stream("127.0.0.1", port)
        assert connecting.cancelled_caught


async def test_it_speaks_tls(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    async with mock_upstream(tls=certificates.server_context()) as mock:
        assert mock.url.startswith("https://")
        mock.script(chat(), Answer(headers=(), body=b"end", framing=Framing.CLOSE))
        stream = await trio.open_ssl_over_tcp_stream(
            "localhost", mock.port, ssl_context=certificates.client_context(), https_compatible=False
        )
        async with stream:
            await stream.send_all(ASK)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
            await stream.send_all(ASK)
            answer = b""
            while more := await stream.receive_some():
                answer += more
            assert answer.endswith(b"end")


async def test_it_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "loadtest.mock_upstream", "--port", "0"]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE, check=False))
        line = await process.stdout.receive_some()
        assert line.startswith(b"mock upstream: http://127.0.0.1:")
        port = int(line.strip().rpartition(b":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(ASK)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        process.terminate()
