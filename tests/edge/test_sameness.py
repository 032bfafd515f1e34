"""Whichever door a request comes in by: the same bytes upstream, the same answer, the same record."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import brotli
import pytest

from loadtest.answers import Answer as Said
from loadtest.answers import Fault, Framing, chat, chat_stream, error, reset, stalled, truncated

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAMED_BY_THE_SERVER = frozenset((
    b"date",  # hypercorn adds one; the fast door passes on the upstream's, and dates only its own answers
    b"server",  # hypercorn's name for itself, where it is not told to be silent
    b"connection",  # h11 announces each close; the fast door does so where a client could expect more
    b"transfer-encoding",  # a server behind ASGI frames bodies anew
))  # fmt: skip
"""What may differ between the doors. Also the reason phrase (ASGI has none) and the case of names (ASGI demands
lower case); interim answers (ASGI has none in HTTP/1.1); and the sizes of chunks."""
NUMBERED = (b"x-litellm-call-id", b"x-litellm-overhead-duration-ms")
"""Different for every request."""
GENERATED = re.compile(rb'"(?:id|created)":\s*(?:"[^"]*"|\d+)')
"""What canned answers invent."""

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model": "gpt-4o", "messages": [], "metadata":  {"a" : 1}}'
STREAM = b'{"model": "gpt-4o", "stream": true, "messages": []}'
BIG = b"0123456789abcdef" * 200_000
SMALL_CHUNKS = b"".join(
    b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in (b'{"model"', b":", b' "gpt-4o"}')
)
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nrenamed\r\n--B\r\n'
    b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    + bytes(range(256)) * 500
    + b"\r\n--B--\r\n"
)
MULTIPART = b"Content-Type: multipart/form-data; boundary=B"
SDP = b"Content-Type: application/sdp"
URLENCODED = b"Content-Type: application/x-www-form-urlencoded"
BOMB = zstd.compress(b'{"model":"gpt-4o","x":"%b"}' % (BIG * 3))
LONG_FORM = FORM.replace(bytes(range(256)) * 500, bytes(range(256)) * 25_000)
"""6.4 MB; the house keeps 1 MiB of a form in memory, and takes 8 MiB."""


def request(
    method: bytes, path: bytes, *lines: bytes, body: bytes | None = None, key: bytes = b"sk-gateway"
) -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: gateway\r\n" % (method, path)
    if key:
        head += b"Authorization: Bearer %b\r\n" % key
    head += b"".join(line + b"\r\n" for line in lines)
    if body is None:
        return head + b"\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def post(body: bytes = PLAIN, path: bytes = CHAT, *lines: bytes, **more: bytes) -> bytes:
    return request(b"POST", path, b"Content-Type: application/json", *lines, body=body, **more)


def chunked(path: bytes, frames: bytes, *lines: bytes) -> bytes:
    return request(b"POST", path, *lines, b"Transfer-Encoding: chunked") + frames


@dataclass(frozen=True)
class Case:
    request: bytes
    status: int = 200
    said: Said | None = None
    """The upstream's answer; None: what it says by default."""
    asked: int = 1
    """Requests that reach the upstream."""
    lossy: bool = False
    """How much of BIG comes through is up to the kernel: a reset throws away what was not read yet."""
    whole: bool = True
    settings: Callable[[], dict[str, float]] = dict


CASES = {
    # native
    "chat": Case(post()),
    "chat without /v1": Case(post(path=b"/chat/completions")),
    "chat streamed": Case(post(STREAM), said=chat_stream(20, usage=True)),
    "chat renamed": Case(post(b'{"model":"renamed"}')),
    "engines": Case(post(b"{}", b"/engines/gpt-4o/chat/completions")),
    "azure": Case(post(b"{}", b"/openai/deployments/gpt-4o/chat/completions?api-version=2024")),
    "embeddings": Case(post(path=b"/v1/embeddings"), said=Said(body=b'{"object": "list"}')),
    "transcription": Case(
        request(b"POST", b"/v1/audio/transcriptions", MULTIPART, body=FORM)
    ),
    "canned": Case(post(b'{"model":"canned"}'), asked=0),
    "canned stream": Case(post(b'{"model":"canned","stream":true}'), asked=0),
    "gzip request": Case(post(gzip.compress(PLAIN, mtime=0), CHAT, b"Content-Encoding: gzip")),
    "zstd request": Case(post(zstd.compress(PLAIN), CHAT, b"Content-Encoding: zstd")),
    "br request, renamed": Case(post(brotli.compress(b'{"model":"renamed"}'), CHAT, b"Content-Encoding: br")),
    "unknown coding": Case(post(PLAIN, CHAT, b"Content-Encoding: compress"), 415, asked=0),
    "bomb": Case(post(BOMB, CHAT, b"Content-Encoding: zstd"), 413, asked=0),
    "two models": Case(post(b'{"model":"gpt-4o","mod\\u0065l":"renamed"}'), 400, asked=0),
    "two models in a form": Case(
        request(b"POST", b"/v1/audio/transcriptions", MULTIPART,
                body=FORM.replace(b"--B--", b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nx\r\n--B--')),
        400, asked=0,
    ),
    "form from the disk": Case(
        request(b"POST", b"/v1/audio/transcriptions", MULTIPART, body=LONG_FORM)
    ),
    "form from the disk, retried": Case(
        request(b"POST", b"/v1/audio/transcriptions", MULTIPART,
                b"X-LiteLLM-Num-Retries: 1", body=LONG_FORM),
        said=error(500), asked=2,
    ),
    "form over its limit": Case(
        request(b"POST", b"/v1/images/edits", MULTIPART, body=LONG_FORM * 2),
        413, asked=0,
    ),
    # passed through
    "untyped json": Case(request(b"POST", b"/v1/assistants", body=b'{"model":"renamed"}')),
    "chunked untyped json": Case(chunked(b"/v1/assistants", SMALL_CHUNKS + b"0\r\n\r\n")),
    "untyped and no json": Case(request(b"POST", b"/v1/realtime/calls?model=gpt-4o", SDP, body=b"v=0")),
    "chunked and no json": Case(chunked(b"/v1/realtime/calls", b"3\r\nv=0\r\n0\r\n\r\n", SDP)),
    "query renamed": Case(request(b"POST", b"/v1/realtime/calls?a=%2F&model=renamed&b", SDP, body=b"v=0")),
    "query disagrees": Case(post(PLAIN, CHAT + b"?model=renamed"), 400, asked=0),
    "urlencoded": Case(request(b"POST", b"/v1/videos", URLENCODED, body=b"model=x"), 415, asked=0),
    "get": Case(request(b"GET", b"/v1/files?limit=2&limit=3&after=%2F")),
    "get prefixed": Case(request(b"GET", b"/openai/v1/files/a%2Fb")),
    "delete": Case(request(b"DELETE", b"/v1/files/file-1")),
    "put binary": Case(
        request(b"PUT", b"/v1/uploads/u", b"Content-Type: application/octet-stream", body=bytes(range(256)))
    ),
    "patch": Case(request(b"PATCH", b"/v1/anything/new", b"Content-Type: text/plain", body=b"x")),
    "options": Case(request(b"OPTIONS", b"/v1/files")),
    "head": Case(request(b"HEAD", b"/v1/files/f"), said=Said(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")),
    "empty body": Case(post(b"", b"/v1/threads")),
    "headers of all kinds": Case(
        post(PLAIN, CHAT, b"X-Two: a", b"x-two: b", b"OpenAI-Beta: x", b"Connection: X-Hop", b"X-Hop: 1", b"TE: x")
    ),
    # bodies
    "big request": Case(request(b"POST", b"/v1/files", b"Content-Type: application/octet-stream", body=BIG)),
    "big json request": Case(post(b'{"model":"gpt-4o","x":"%b"}' % BIG)),
    "big answer": Case(post(), said=Said(body=BIG)),
    "chunked request": Case(chunked(CHAT, SMALL_CHUNKS + b"0\r\n\r\n", b"Content-Type: application/json")),
    "chunked request with trailers": Case(chunked(CHAT, SMALL_CHUNKS + b"0\r\nX-T: 1\r\n\r\n")),
    "chunked upload": Case(chunked(b"/v1/files", b"3\r\nabc\r\n0\r\n\r\n", b"Content-Type: application/octet-stream")),
    "big chunked upload": Case(
        chunked(b"/v1/files", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BIG), BIG), b"Content-Type: application/octet-stream")
    ),
    # answers
    "204": Case(post(), 204, Said(204, headers=((b"X-A", b"1"),))),
    "304": Case(request(b"GET", b"/v1/files"), 304, Said(304, headers=((b"ETag", b'"x"'),))),
    "201 with headers": Case(post(), 201, Said(201, headers=((b"A", b"1"), (b"A", b"2"), (b"B", b"")), body=b"{}")),
    "chunked answer": Case(post(), said=Said(body=(b"ab", b"cdef"), framing=Framing.CHUNKED)),
    "answer until close": Case(post(), said=replace(chat(), framing=Framing.CLOSE)),
    "gzip answer": Case(post(), said=Said(headers=((b"Content-Encoding", b"gzip"),), body=gzip.compress(b"{}"))),
    "cookies stay upstream": Case(post(), said=Said(headers=((b"Set-Cookie", b"a=1"), (b"X-B", b"2")), body=b"{}")),
    "hop-by-hop answer": Case(post(), said=Said(headers=((b"Keep-Alive", b"timeout=5"), (b"X-B", b"2")), body=b"{}")),
    "early hints": Case(post(), said=replace(chat(), before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")),
    "unknown status": Case(post(), 299, Said(299, body=b"{}")),
    # errors of the upstream
    "upstream 400": Case(post(), 400, error(400)),
    "upstream 401": Case(post(), 401, error(401)),
    "upstream 429": Case(post(), 429, error(429, retry_after="7")),
    "upstream 500": Case(post(), 500, error(500)),
    "unanswered": Case(post(), 502, truncated()),
    "garbage": Case(post(), 502, Said(raw=b"\x16\x03 no HTTP\r\n\r\n", close_after=True)),
    "silent": Case(post(), 504, stalled(), settings=lambda: {"first_byte_timeout_s": 0.1}),
    "refused": Case(post(b'{"model":"far"}'), 502, asked=0),
    # errors of the client
    "no key": Case(post(key=b""), 401, asked=0),
    "wrong key": Case(post(key=b"sk-wrong"), 401, asked=0),
    "no json": Case(post(b"not json"), 400, asked=0),
    "no model": Case(post(b"{}"), 400, asked=0),
    "unknown model": Case(post(b'{"model":"nobody"}'), 404, asked=0),
    "unknown path": Case(request(b"GET", b"/nowhere"), 404, asked=0),
    "climbing path": Case(request(b"GET", b"/v1/files/../../x"), 400, asked=0),
    "wrong method": Case(request(b"DELETE", b"/routes"), 405, asked=0),
    "too large": Case(post(b'{"model":"gpt-4o","x":"%b"}' % (BIG * 3)), 413, asked=0),
    "too large, chunked": Case(
        chunked(CHAT, b"%x\r\n%b\r\n0\r\n\r\n" % (len(BIG) * 3, BIG * 3), b"Content-Type: x/json"), 413, asked=0
    ),
    "body stops": Case(post() [:-5], 408, asked=0, settings=lambda: {"body_timeout_s": 0.1}),
    "websocket-like get": Case(request(b"GET", b"/v1/realtime?model=gpt-4o")),
    # pages
    "live": Case(request(b"GET", b"/health/liveliness", key=b""), asked=0),
    "models": Case(request(b"GET", b"/v1/models"), asked=0),
    "model": Case(request(b"GET", b"/v1/models/gpt-4o"), asked=0),
    "page by HEAD": Case(request(b"HEAD", b"/health/liveliness"), asked=0),
    "page without a key": Case(request(b"GET", b"/routes", key=b""), 401, asked=0),
    "docs": Case(request(b"GET", b"/docs"), asked=0),
    # answers that break off
    "truncated": Case(post(), said=truncated(400, Said(body=BIG)), whole=False),
    "truncated, chunked": Case(
        post(), said=truncated(200_000, Said(body=(BIG,), framing=Framing.CHUNKED)), whole=False
    ),
    "reset": Case(post(), said=reset(300_000, Said(body=BIG)), whole=False, lossy=True),
    "bad chunk": Case(
        post(),
        said=Said(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"),
        whole=False,
    ),
    "bad first chunk": Case(
        post(), said=Said(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), status=502
    ),
    "stream cut between events": Case(
        post(STREAM),
        said=replace(chat_stream(5), fault=Fault.CLOSE, fault_at=len(b"".join(chat_stream(5).writes()[:3]))),
        whole=False,
    ),
    "stream stalls": Case(
        post(STREAM),
        said=stalled(len(b"".join(chat_stream(5).writes()[:3])), chat_stream(5)),
        whole=False,
        settings=lambda: {"stream_gap_timeout_s": 0.1},
    ),
    "stream until close, unfinished": Case(
        post(STREAM), said=replace(chat_stream(5), body=chat_stream(5).body[:3], framing=Framing.CLOSE), whole=False
    ),
}  # fmt: skip


def compared(got) -> dict[str, object]:
    headers = [
        (name.lower(), b"*" if name.lower() in NUMBERED else value)
        for name, value in got.headers
        if name.lower() not in FRAMED_BY_THE_SERVER
    ]
    return {
        "status": got.status,
        "headers": headers,
        "body": GENERATED.sub(b"", got.body),
        "whole": got.whole,
    }


def seen(mock) -> list[object]:
    """What reached the upstream; header names in any case."""
    return [
        (request.request_line, [(name.lower(), value) for name, value in request.headers], request.body)
        for request in mock.requests
    ]


ESTIMATED = ("usage", "cost")
"""Of an answer of which not all came: by what did."""
RECORDED = (
    "route",
    "model_asked",
    "model_served",
    "status",
    "outcome",
    "attempts",
    "stream",
    "usage",
    "caller",
)


@pytest.mark.parametrize("name", CASES)
async def test_the_doors_answer_alike(make_house, requests, name: str) -> None:
    case = CASES[name]
    answers, upstream, records = {}, {}, {}
    # HTTP/1.0 has no chunked bodies.
    doors = [
        door for door in requests.DOORS if door != "replayed" or b"\r\nTransfer-Encoding" not in case.request
    ]
    async with make_house(**case.settings()) as house:
        for door in doors:
            house.mock.requests.clear()
            house.records.clear()
            if case.said is not None:
                house.mock.script(case.said)
            got = await house.ask(case.request, door)
            if not got.framed:  # a close is no proof of wholeness: the client is told no more by the protocol
                got.whole = case.whole
            answers[door] = compared(got)
            if case.lossy:
                answers[door]["body"] = BIG.startswith(answers[door]["body"])
            await house.recorded()
            upstream[door] = seen(house.mock)
            told = [name for name in RECORDED if not (case.lossy and name in ESTIMATED)]
            records[door] = [{name: getattr(record, name) for name in told} for record in house.records]
            house.mock.unscript()
    fast = answers["fast"]
    assert (fast["status"], fast["whole"]) == (case.status, case.whole)
    assert len(upstream["fast"]) == case.asked
    assert len(records["fast"]) == 1
    for door in doors[1:]:
        assert answers[door] == fast, door
        assert upstream[door] == upstream["fast"], door
        assert records[door] == records["fast"], door
