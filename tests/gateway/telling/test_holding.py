"""How much of an answer is held before its relay begins: a mock upstream on real sockets that says piece by piece."""

from __future__ import annotations

import math
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import brotli
import pytest
import trio
import trio.lowlevel

from loadtest.answers import DONE, JSON_TYPE, SSE_TYPE, Fault, Framing, chunk, error, event
from loadtest.answers import Answer as Said
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.errors import UpstreamFailure
from proxy.gateway.telling import holding
from proxy.gateway.telling.holding import ERROR_BYTES, HoldSettings, error_body, hold
from proxy.types import Header, ResultKind, StreamMode
from proxy.upstream.answer import Answer
from proxy.upstream.destination import Endpoint
from proxy.upstream.outbound import Outbound, Patience
from proxy.upstream.pool import ConnectionPool
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from tests.upstream_client import upstream_client

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIVE, PROBE, BUFFERED = StreamMode.LIVE, StreamMode.PROBE, StreamMode.BUFFERED
ROLE = event(0, size_bytes=0).replace(b'{"content":"0"}', b'{"role":"assistant","content":""}')
WORD = event(1)
COMMENT = b": working\n\n"
ERROR_EVENT = b'data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}\n\n'
PATIENT = HoldSettings(probe_s=60.0, buffer_bytes=1_000_000)
LONG_S = 60.0
SOON_S = 0.05
HEAD = Said(headers=(SSE_TYPE,), framing=Framing.CHUNKED)


class Upstream:
    """A client of its own for one mock; every answer is closed at the end."""

    def __init__(self, mock: MockUpstream) -> None:
        self.mock = mock
        self.reactor = Reactor()
        self.pool = ConnectionPool(9, 9.0)
        self.parking = Parking(self.reactor)
        self._client = upstream_client(self.reactor, self.pool)
        self._answers: list[Answer] = []

    async def says(self, said: Said) -> Answer:
        """Its head has come."""
        self.mock.script(said)
        request = Outbound(b"POST", b"POST / HTTP/1.1\r\nHost: mock\r\nContent-Length: 2\r\n\r\n", b"{}")
        patience = Patience(connect_s=5, write_s=5, first_byte_s=5, gap_s=5)
        endpoint = Endpoint("127.0.0.1", self.mock.port, tls=False)
        answer = await self._client.send(self.parking, endpoint, request, patience)
        self._answers.append(answer)
        return answer

    def close(self) -> None:
        for answer in self._answers:
            answer.close()
        self.pool.close()


@pytest.fixture
async def upstream(nursery: trio.Nursery) -> AsyncIterator[Upstream]:
    with trio.fail_after(10):
        async with mock_upstream() as mock:
            made = Upstream(mock)
            nursery.start_soon(made.reactor.run)
            yield made
            made.close()


async def pieces_held(
    upstream: Upstream,
    pieces: Sequence[bytes],
    mode: StreamMode,
    settings: HoldSettings = PATIENT,
    content_type: Header = SSE_TYPE,
    coding: str = "identity",
) -> int:
    """After how many pieces the relay may begin; each is said when the one before it is here.

    Whoever holds has looked at a piece in the same turn in which it came.
    """
    says, hears = trio.open_memory_channel[bytes](0)
    headers = (content_type, (b"content-encoding", coding.encode()))
    answer = await upstream.says(Said(headers=headers, body=hears, framing=Framing.CHUNKED))
    over = trio.Event()
    count = 0

    async def hold_it() -> None:
        await hold(answer, mode, math.inf, LONG_S, settings)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold_it)
        for piece in pieces:
            before, holding_on = len(answer.held), not over.is_set()
            await says.send(piece)
            while holding_on and len(answer.held) == before:
                await trio.lowlevel.checkpoint()
            count += not over.is_set()
        says.close()
    assert await answer.read_all(1_000_000) == b"".join(pieces), "what was held is still there"
    return count + 1


# -- when the relay may begin

END = 1
"""One more: the last chunk."""


@pytest.mark.parametrize(
    ("mode", "pieces", "held"),
    [
        (LIVE, [ROLE, WORD, DONE], 1),
        (LIVE, [b"d", ROLE[1:], DONE], 1),
        (PROBE, [WORD, DONE], 1),
        (PROBE, [ROLE, COMMENT, WORD, DONE], 3),
        (PROBE, [WORD[:20], WORD[20:-1], WORD[-1:], DONE], 3),
        (PROBE, [ROLE, DONE, COMMENT], 2),
        (PROBE, [ROLE, COMMENT], 2 + END),
        (BUFFERED, [ROLE, WORD, DONE], 3 + END),
    ],
)
async def test_how_many_pieces_are_held(
    upstream: Upstream, mode: StreamMode, pieces: list[bytes], held: int
) -> None:
    assert await pieces_held(upstream, pieces, mode) == held


def flushed(coding: str, pieces: Sequence[bytes]) -> list[bytes]:
    """Each piece as a compressing server sends it at once."""
    gzipper, brotlier, squeezer = zlib.compressobj(wbits=31), brotli.Compressor(), zstd.ZstdCompressor()
    flush: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda text: gzipper.compress(text) + gzipper.flush(zlib.Z_SYNC_FLUSH),
        "br": lambda text: brotlier.process(text) + brotlier.flush(),
        "zstd": lambda text: squeezer.compress(text, squeezer.FLUSH_BLOCK),
        "other": lambda text: bytes(reversed(text)),
    }
    return [flush[coding](piece) for piece in pieces]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize(
    ("pieces", "held"),
    [([WORD, DONE], 1), ([ROLE, COMMENT, WORD, DONE], 3), ([ROLE, WORD[:9], WORD[9:], DONE], 3)],
)
async def test_a_compressed_stream_is_looked_into_as_it_comes(
    upstream: Upstream, coding: str, pieces: list[bytes], held: int
) -> None:
    assert await pieces_held(upstream, flushed(coding, pieces), PROBE, coding=coding) == held


@pytest.mark.parametrize("coding", ["other", "gzip"])
async def test_a_stream_that_cannot_be_read_is_not_held(upstream: Upstream, coding: str) -> None:
    assert await pieces_held(upstream, flushed("other", [ROLE, WORD]), PROBE, coding=coding) == 1


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("mode", [PROBE, BUFFERED])
async def test_an_error_in_a_compressed_stream_is_found(
    upstream: Upstream, coding: str, mode: StreamMode
) -> None:
    body = tuple(flushed(coding, [COMMENT, ERROR_EVENT]))
    headers = (SSE_TYPE, (b"content-encoding", coding.encode()))
    answer = await upstream.says(replace(HEAD, headers=headers, body=body))
    hidden = await hold(answer, mode, math.inf, LONG_S, PATIENT)
    assert hidden is not None
    assert b"overloaded" in hidden.body


@pytest.mark.parametrize(("mode", "held"), [(LIVE, 1), (PROBE, 1), (BUFFERED, 2 + END)])
async def test_an_answer_that_is_no_stream_has_no_first_content(
    upstream: Upstream, mode: StreamMode, held: int
) -> None:
    assert await pieces_held(upstream, [b'{"choices":', b"[]}"], mode, content_type=JSON_TYPE) == held


@pytest.mark.parametrize(
    ("limit_bytes", "held"), [(0, 1), (len(ROLE) - 1, 1), (len(ROLE), 2), (10_000, 3 + END)]
)
async def test_a_stream_beyond_the_limit_is_held_no_longer(
    upstream: Upstream, limit_bytes: int, held: int
) -> None:
    settings = HoldSettings(probe_s=60.0, buffer_bytes=limit_bytes)
    assert await pieces_held(upstream, [ROLE, WORD, DONE], BUFFERED, settings) == held


async def test_what_came_with_the_head_goes_live_at_once(upstream: Upstream) -> None:
    answer = await upstream.says(
        replace(HEAD, body=(ROLE,), fault=Fault.STALL, fault_at=len(HEAD.head()) + 99)
    )
    assert answer.held
    await hold(answer, LIVE, 0.0, 0.0, PATIENT)


async def test_a_stream_without_content_goes_on_as_it_is_when_its_time_is_over(upstream: Upstream) -> None:
    answer = await upstream.says(stalled_after(ROLE))
    await hold(answer, PROBE, math.inf, LONG_S, HoldSettings(probe_s=SOON_S, buffer_bytes=0))
    assert answer.beginning() == ROLE


async def test_it_is_not_held_beyond_the_time_for_the_first_token(upstream: Upstream) -> None:
    answer = await upstream.says(stalled_after(ROLE))
    await hold(answer, PROBE, time.monotonic() + SOON_S, LONG_S, PATIENT)
    assert answer.beginning() == ROLE


# -- when it can still fail over


def stalled_after(*pieces: bytes, fault: Fault = Fault.STALL) -> Said:
    """The pieces come with the head; then the fault, in place of the next one."""
    said = replace(HEAD, body=(*pieces, b"more"))
    return replace(said, fault=fault, fault_at=len(said.head()) + sum(len(chunk(piece)) for piece in pieces),
                   raw=b"".join(said.writes()))  # fmt: skip


@pytest.mark.parametrize("mode", list(StreamMode))
@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault.STALL, ResultKind.TIMEOUT, "did not begin in time"),
        (Fault.CLOSE, ResultKind.BROKEN, "closed the connection early"),
        (Fault.RESET, ResultKind.BROKEN, "connection broke"),
    ],
)
async def test_a_body_that_never_begins(
    upstream: Upstream, mode: StreamMode, fault: Fault, kind: ResultKind, reason: str
) -> None:
    answer = await upstream.says(stalled_after(fault=fault))
    deadline = time.monotonic() + (SOON_S if fault is Fault.STALL else LONG_S)
    with pytest.raises(UpstreamFailure, match=reason) as caught:
        await hold(answer, mode, deadline, LONG_S, PATIENT)
    assert caught.value.kind is kind


@pytest.mark.parametrize("came", [1, 2, 4])
@pytest.mark.parametrize("mode", list(StreamMode))
async def test_the_size_of_a_chunk_begins_nothing(upstream: Upstream, mode: StreamMode, came: int) -> None:
    said = replace(HEAD, body=(WORD,))
    assert chunk(WORD)[:4].endswith(b"\r\n")
    answer = await upstream.says(replace(said, fault=Fault.CLOSE, fault_at=len(said.head()) + came))
    with pytest.raises(UpstreamFailure, match="closed the connection early"):
        await hold(answer, mode, math.inf, LONG_S, PATIENT)


@pytest.mark.parametrize(
    ("mode", "pieces"),
    [(PROBE, [ROLE]), (PROBE, [WORD[:30]]), (BUFFERED, [ROLE]), (BUFFERED, [ROLE, WORD, DONE])],
)
async def test_a_stream_that_breaks_while_it_is_held(
    upstream: Upstream, mode: StreamMode, pieces: list[bytes]
) -> None:
    answer = await upstream.says(stalled_after(*pieces, fault=Fault.CLOSE))
    with pytest.raises(UpstreamFailure, match="closed the connection early") as caught:
        await hold(answer, mode, math.inf, LONG_S, PATIENT)
    assert caught.value.kind is ResultKind.BROKEN


async def test_a_stream_that_stalls_while_it_is_held_whole(upstream: Upstream) -> None:
    answer = await upstream.says(stalled_after(ROLE, WORD))
    with pytest.raises(UpstreamFailure, match="stopped sending") as caught:
        await hold(answer, BUFFERED, math.inf, SOON_S, PATIENT)
    assert caught.value.kind is ResultKind.BROKEN


@pytest.mark.parametrize("pieces", [(ERROR_EVENT, DONE), (ROLE, COMMENT, ERROR_EVENT)])
@pytest.mark.parametrize("mode", [PROBE, BUFFERED])
async def test_a_stream_that_begins_with_an_error(
    upstream: Upstream, mode: StreamMode, pieces: tuple[bytes, ...]
) -> None:
    answer = await upstream.says(replace(HEAD, body=pieces))
    found = await hold(answer, mode, math.inf, LONG_S, PATIENT)
    assert found is not None
    assert (found.status, found.word) == (502, "server_error")
    assert await answer.read_all(1_000_000) == b"".join(pieces), "it may be passed on all the same"


async def test_an_error_after_the_first_content_is_the_streams_own(upstream: Upstream) -> None:
    assert await pieces_held(upstream, [WORD, ERROR_EVENT], BUFFERED) == 2 + END


@pytest.mark.parametrize(
    ("content_type", "body", "whole"),
    [
        (SSE_TYPE, ROLE + WORD + DONE, True),
        (SSE_TYPE, ROLE + WORD + DONE.rstrip(), True),
        (SSE_TYPE, ROLE + WORD, False),
        (JSON_TYPE, b'{"choices":[{"finish_reason":"stop"}],"usage":{"total_tokens":1}}', True),
        (JSON_TYPE, b'{"choices":[{"fini', True),
    ],
)
async def test_where_only_the_close_ends_it_its_last_words_tell(
    upstream: Upstream, content_type: Header, body: bytes, whole: bool
) -> None:
    answer = await upstream.says(Said(headers=(content_type,), body=body, framing=Framing.CLOSE))
    if whole:
        await hold(answer, BUFFERED, math.inf, LONG_S, PATIENT)
        assert await answer.read_all(1_000_000) == body
    else:
        with pytest.raises(UpstreamFailure, match="closed the connection early"):
            await hold(answer, BUFFERED, math.inf, LONG_S, PATIENT)


async def test_of_one_that_is_too_long_the_last_words_are_not_waited_for(upstream: Upstream) -> None:
    said = Said(headers=(SSE_TYPE,), body=ROLE + WORD, framing=Framing.CLOSE)
    answer = await upstream.says(replace(said, fault=Fault.STALL, fault_at=len(said.head()) + len(ROLE)))
    await hold(answer, BUFFERED, math.inf, LONG_S, HoldSettings(probe_s=60.0, buffer_bytes=len(ROLE) - 1))


@pytest.mark.parametrize(("mode", "pieces"), [(LIVE, []), (PROBE, [ROLE]), (BUFFERED, [ROLE, WORD])])
async def test_a_client_that_leaves_ends_the_hold(
    upstream: Upstream, mode: StreamMode, pieces: list[bytes], nursery: trio.Nursery
) -> None:
    answer = await upstream.says(stalled_after(*pieces))

    async def leave() -> None:
        await trio.testing.wait_all_tasks_blocked()
        upstream.parking.leave()

    nursery.start_soon(leave)
    with pytest.raises(ClientGone):
        await hold(answer, mode, math.inf, LONG_S, PATIENT)


# -- an error's body

REFUSAL = error(429, "you are out of money")


@pytest.mark.parametrize("piece_bytes", [0, 30])
async def test_an_errors_body_is_read_whole_and_stays_there(upstream: Upstream, piece_bytes: int) -> None:
    answer = await upstream.says(replace(REFUSAL, piece_bytes=piece_bytes))
    assert await error_body(answer) == REFUSAL.body
    assert await answer.read_all(1_000_000) == REFUSAL.body


async def test_an_endless_error_is_read_no_further_than_it_must_be(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "ERROR_WAIT_S", LONG_S)
    body = (b"x" * 8192,) * 4
    said = replace(REFUSAL, body=body, framing=Framing.CHUNKED)
    at = len(said.head()) + 3 * len(chunk(body[0]))
    answer = await upstream.says(replace(said, fault=Fault.STALL, fault_at=at))
    assert ERROR_BYTES <= len(await error_body(answer)) <= 3 * len(body[0])


@pytest.mark.parametrize("fault", [Fault.CLOSE, Fault.RESET, Fault.STALL])
async def test_of_an_error_that_breaks_off_what_came_of_it(
    upstream: Upstream, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "ERROR_WAIT_S", SOON_S)
    answer = await upstream.says(replace(REFUSAL, fault=fault, fault_at=len(REFUSAL.head()) + 10))
    assert await error_body(answer) == REFUSAL.body[:10]
