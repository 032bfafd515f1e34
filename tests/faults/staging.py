"""How each fault of the matrix is staged: what the upstream says, or where it is."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from loadtest.answers import (
    DONE,
    SSE_TYPE,
    Answer,
    Fault,
    Framing,
    RawRequest,
    chat,
    chunk,
    error,
    event,
)
from loadtest.mock_upstream import MockUpstream, mock_upstream, unanswered_port

ROLE = event(0, size_bytes=0).replace(b'{"content":"0"}', b'{"role":"assistant","content":""}')
ERROR_EVENT = b'data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}\n\n'
PIECES = (ROLE, *(event(number) for number in range(100, 104)), DONE)
STREAM = Answer(headers=(SSE_TYPE,), body=PIECES, framing=Framing.CHUNKED)
UNCLOSED = replace(STREAM, framing=Framing.CLOSE)
LENGTHY = replace(STREAM, framing=Framing.LENGTH)
WHOLE = chat("faulty")
CHUNKED_WHOLE = replace(WHOLE, framing=Framing.CHUNKED)
INTO_BODY = 100
"""Bytes of a whole answer that come before it breaks."""
INTO_EVENT = 40
SIZE_LINE_BYTES = len(chunk(PIECES[3])) - len(PIECES[3]) - 2
HALF_HEAD = 20
LENGTH_OFF_BY = 50
MADE_UP = {
    "garbage": Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", close_after=True),
    "huge-head": Answer(headers=((b"x-huge", b"a" * 70_000),), body=b"{}"),
    "500": error(500),
    "503": error(503, retry_after="90"),
    "429": error(429, retry_after="90"),
    "401": error(401),
    "409": error(409),
    "400": error(400),
    "200-error": Answer(body=b'{"error":{"message":"slow","type":"x","param":null,"code":429}}'),
    "200-empty": Answer(),
    "200-page": Answer(headers=((b"content-type", b"text/html"),), body=b"<p>down</p>"),
    "error-event": replace(STREAM, body=(ERROR_EVENT, DONE)),
    "no-done": replace(STREAM, body=PIECES[:-1]),
}
"""The same for whole answers and streams."""
UNANSWERED = {
    "reset-unanswered": (Fault.RESET, 0),
    "closed-unanswered": (Fault.CLOSE, 0),
    "half-closed-unanswered": (Fault.HALF_CLOSE, 0),
    "silent": (Fault.STALL, 0),
    "head-cut": (Fault.CLOSE, HALF_HEAD),
    "head-stalls": (Fault.STALL, HALF_HEAD),
}
"""What becomes of the connection, after how many bytes of the answer."""
AFTER_HEAD = {
    "head-then-silence": Fault.STALL,
    "head-then-close": Fault.CLOSE,
    "head-then-reset": Fault.RESET,
}
AFTER_PREAMBLE = {"preamble-then-close": Fault.CLOSE, "preamble-then-silence": Fault.STALL}
MID_ANSWER = {
    "reset": Fault.RESET,
    "closed": Fault.CLOSE,
    "half-closed": Fault.HALF_CLOSE,
    "stalls": Fault.STALL,
}
BROKEN_CHUNK = b"not a size\r\n"


def _written(answer: Answer, events: int) -> int:
    """Bytes of a stream up to the end of its n-th event."""
    pieces = PIECES[:events]
    framed = pieces if answer.framing is not Framing.CHUNKED else map(chunk, pieces)
    return len(answer.head()) + sum(map(len, framed))


def _broken(fault: Fault, *, streams: bool) -> Answer:
    if streams:
        return replace(STREAM, fault=fault, fault_at=_written(STREAM, 3))
    return replace(WHOLE, fault=fault, fault_at=len(WHOLE.head()) + INTO_BODY)


def _cut_in_event(*, streams: bool) -> Answer:
    assert streams
    return replace(STREAM, fault=Fault.CLOSE, fault_at=_written(STREAM, 3) + SIZE_LINE_BYTES + INTO_EVENT)


def _too_short(*, streams: bool) -> Answer:
    if streams:
        return replace(LENGTHY, fault=Fault.CLOSE, fault_at=_written(LENGTHY, 3))
    return replace(WHOLE, content_length=WHOLE.length() + LENGTH_OFF_BY, close_after=True)


def _too_long(*, streams: bool) -> Answer:
    answer = LENGTHY if streams else WHOLE
    return replace(answer, content_length=answer.length() - LENGTH_OFF_BY)


def _bad_chunk(*, streams: bool) -> Answer:
    pieces = b"".join(map(chunk, PIECES[:3])) if streams else chunk(_body(WHOLE)[:INTO_BODY])
    head = (STREAM if streams else CHUNKED_WHOLE).head()
    good = head + pieces
    return Answer(raw=good + BROKEN_CHUNK, piece_bytes=len(good), gap_s=0.05)


def _unframed_cut(*, streams: bool) -> Answer:
    if streams:
        return replace(UNCLOSED, fault=Fault.CLOSE, fault_at=_written(UNCLOSED, 3))
    unclosed = replace(WHOLE, framing=Framing.CLOSE)
    return replace(unclosed, fault=Fault.CLOSE, fault_at=len(unclosed.head()) + INTO_BODY)


def _slow(*, streams: bool) -> Answer:
    return replace(STREAM if streams else WHOLE, piece_bytes=16, gap_s=0.002)


SHAPED: dict[str, Callable[..., Answer]] = {
    "cut-in-event": _cut_in_event,
    "too-short": _too_short,
    "too-long": _too_long,
    "bad-chunk": _bad_chunk,
    "unframed-cut": _unframed_cut,
    "slow": _slow,
}


def answer(fault: str, *, streams: bool) -> Answer:
    """What the upstream with this fault says; KeyError where it is not reached at all."""
    whole = STREAM if streams else WHOLE
    if fault in MADE_UP:
        return MADE_UP[fault]
    if fault in UNANSWERED:
        kind, at = UNANSWERED[fault]
        return replace(whole, fault=kind, fault_at=at)
    if fault in AFTER_HEAD:
        return replace(whole, fault=AFTER_HEAD[fault], fault_at=len(whole.head()))
    if fault in AFTER_PREAMBLE:
        return replace(STREAM, fault=AFTER_PREAMBLE[fault], fault_at=_written(STREAM, 1))
    if fault in MID_ANSWER:
        return _broken(MID_ANSWER[fault], streams=streams)
    return SHAPED[fault](streams=streams)


def came(fault: str, *, streams: bool) -> bytes:
    """The part of the body that reached the gateway, its framing removed."""
    said = answer(fault, streams=streams)
    if fault in AFTER_HEAD:
        return b""
    if fault in AFTER_PREAMBLE:
        return ROLE
    if fault == "too-long":
        return _body(said)[:-LENGTH_OFF_BY]
    if fault in MADE_UP or fault == "slow" or (fault == "too-short" and not streams):
        return _body(said)
    if streams:
        rest = PIECES[3][:INTO_EVENT] if fault == "cut-in-event" else b""
        return b"".join(PIECES[:3]) + rest
    return _body(WHOLE)[:INTO_BODY]


def _body(said: Answer) -> bytes:
    assert isinstance(said.body, bytes | tuple)
    return said.body if isinstance(said.body, bytes) else b"".join(said.body)


class Place:
    """Where one faulty upstream is, and who answers there."""

    def __init__(self, base: str, mock: MockUpstream | None = None) -> None:
        self.base = base
        self._mock = mock

    def requests(self, key: str) -> list[RawRequest]:
        sent = b"Bearer " + key.encode()
        found = self._mock.requests if self._mock else []
        return [request for request in found if request.header(b"authorization") == sent]


def _streams(request: RawRequest) -> bool:
    return b'"stream":true' in request.body


@asynccontextmanager
async def place(fault: str, tls: ssl.SSLContext, name: str = "nobody") -> AsyncIterator[Place]:
    """`tls`: of an authority that nobody knows. `name`: where it needs one."""
    if fault == "no-host":
        yield Place(f"http://{name}.does-not-exist.invalid/v1")
    elif fault == "connect-hangs":
        async with unanswered_port() as port:
            yield Place(f"http://127.0.0.1:{port}/v1")
    elif fault == "refused":
        with trio.socket.socket() as held:  # bound, and never listening: no other server is given the port
            await held.bind(("127.0.0.1", 0))
            yield Place(f"http://127.0.0.1:{held.getsockname()[1]}/v1")
    else:
        async with mock_upstream(tls=tls if fault == "tls-wrong" else None) as mock:
            if fault == "tls-silent":
                yield Place(f"https://127.0.0.1:{mock.port}/v1", mock)
                return
            elif fault != "tls-wrong":
                mock.script(lambda request: answer(fault, streams=_streams(request)))
            yield Place(f"{mock.url}/v1", mock)
