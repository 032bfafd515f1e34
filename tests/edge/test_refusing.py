"""Heads and bodies that two parsers could read in two ways are refused by every door, and never reach an upstream."""

from __future__ import annotations

import pytest

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: g\r\n"
KEY = b"Authorization: Bearer sk-gateway\r\nContent-Type: application/json\r\n"
BODY = b'{"model":"gpt-4o"}'
LENGTH = b"Content-Length: 18\r\n"
CODING = b"Transfer-Encoding: chunked\r\n"
FRAMES = b"12\r\n" + BODY + b"\r\n0\r\n\r\n"
SMUGGLED = b"GET /v1/files/smuggled HTTP/1.1\r\n" + HOST + KEY + b"\r\n"

ODD = {
    "two lengths": CHAT + HOST + KEY + LENGTH + b"Content-Length: 19\r\n\r\n" + BODY,
    "signed length": CHAT + HOST + KEY + b"Content-Length: +18\r\n\r\n" + BODY,
    "hexadecimal length": CHAT + HOST + KEY + b"Content-Length: 0x12\r\n\r\n" + BODY,
    "blank in the length": CHAT + HOST + KEY + b"Content-Length: 1 8\r\n\r\n" + BODY,
    "huge length": CHAT + HOST + KEY + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY,
    "unknown coding": CHAT + HOST + KEY + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + FRAMES,
    "coding that is not chunked": CHAT + HOST + KEY + b"Transfer-Encoding: xchunked\r\n\r\n" + FRAMES,
    "blank before the colon": CHAT + HOST + KEY + b"Content-Length : 18\r\n\r\n" + BODY,
    "control character": CHAT + HOST + KEY + LENGTH + b"X: a\x00b\r\n\r\n" + BODY,
    "no host": CHAT + KEY + LENGTH + b"\r\n" + BODY,
    "two hosts": CHAT + HOST + HOST + KEY + LENGTH + b"\r\n" + BODY,
    "no version": b"POST /v1/chat/completions\r\n" + HOST + KEY + LENGTH + b"\r\n" + BODY,
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "bad chunk size": CHAT + HOST + KEY + CODING + b"\r\n" + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk longer than its size": CHAT + HOST + KEY + CODING + b"\r\n" + b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "signed chunk size": CHAT + HOST + KEY + CODING + b"\r\n" + b"+12\r\n" + BODY + b"\r\n0\r\n\r\n",
}
NOT_OF_1_1 = {
    "both framings": CHAT + HOST + KEY + LENGTH + CODING + b"\r\n" + FRAMES,
    "both framings, other order": CHAT + HOST + KEY + CODING + LENGTH + b"\r\n" + FRAMES,
}
"""hypercorn's parser lets these through as they are; both doors refuse them."""
REPAIRED_BY_H11 = {
    "unknown version": b"POST /v1/chat/completions HTTP/3.1\r\n" + HOST + KEY + LENGTH + b"\r\n" + BODY,
    "two equal lengths": CHAT + HOST + KEY + LENGTH + LENGTH + b"\r\n" + BODY,
    "folded line": CHAT + HOST + KEY + LENGTH + b"X: a\r\n b\r\n\r\n" + BODY,
    "bare line feeds": (CHAT + HOST + KEY + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY,
}
"""hypercorn's parser makes one meaning of these before the app sees them; the fast door refuses them."""


async def sent(house, door: str, raw: bytes):
    client = await house.client(door)
    await client.send_raw(raw)
    got = await client.answer()
    rest = await client.closed() if got.status else b""
    client.close()
    return got, rest


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("door", ["fast", "asgi"])
async def test_refused(house, door: str, name: str) -> None:
    got, rest = await sent(house, door, ODD[name] + SMUGGLED)
    assert 400 <= got.status < 600, got
    assert rest == b"", "nothing behind it is answered"
    await house.quiet()
    assert house.mock.requests == []


@pytest.mark.parametrize("name", NOT_OF_1_1)
@pytest.mark.parametrize("door", ["fast", "asgi"])
async def test_two_framings_are_refused_by_either_door(house, door: str, name: str) -> None:
    got, _ = await sent(house, door, NOT_OF_1_1[name])
    assert got.status == 400
    await house.quiet()
    assert house.mock.requests == []


@pytest.mark.parametrize("name", REPAIRED_BY_H11)
async def test_refused_by_the_fast_door(house, name: str) -> None:
    got, rest = await sent(house, "fast", REPAIRED_BY_H11[name] + SMUGGLED)
    assert got.status in (400, 505)
    assert rest == b""
    assert house.mock.requests == []


@pytest.mark.parametrize("name", REPAIRED_BY_H11)
async def test_one_request_is_one_request_through_hypercorn(house, name: str) -> None:
    """Repaired, it goes upstream with one framing and nothing hidden in it."""
    client = await house.client("asgi")
    await client.send_raw(REPAIRED_BY_H11[name])
    assert (await client.answer()).status == 200
    request = house.mock.requests[0]
    assert request.body == BODY
    assert [name.lower() for name, _ in request.headers].count(b"content-length") == 1


async def test_the_reason_is_told_in_the_shape_of_openai(house) -> None:
    got, _ = await sent(house, "fast", NOT_OF_1_1["both framings"])
    assert got.status == 400
    assert b'"type":"invalid_request_error"' in got.body
    assert got.header(b"connection") == b"close"


async def test_a_long_head_is_refused(make_house) -> None:
    async with make_house(max_header_bytes=2048) as house:
        got, _ = await sent(house, "fast", b"GET /v1/files HTTP/1.1\r\n" + HOST + KEY + b"X: " + b"x" * 5000)
        assert got.status == 431


async def test_a_long_request_line_is_refused(make_house) -> None:
    async with make_house(max_header_bytes=2048) as house:
        got, _ = await sent(house, "fast", b"GET /" + b"x" * 5000)
        assert got.status == 414


async def test_many_headers_are_refused(house) -> None:
    got, _ = await sent(house, "fast", b"GET /v1/files HTTP/1.1\r\n" + HOST + b"X: 1\r\n" * 500 + b"\r\n")
    assert got.status == 431


async def test_a_bad_body_of_a_request_refused_anyway(house, requests) -> None:
    """The 401 is answered though what follows it is no body at all."""
    raw = CHAT + HOST + CODING + b"\r\nzz\r\n"
    got, rest = await sent(house, "fast", raw)
    assert (got.status, rest) == (401, b"")


async def test_the_coding_of_http_1_0_is_refused_before_hypercorn_sees_it(house) -> None:
    raw = CHAT.replace(b"1.1", b"1.0") + HOST + KEY + CODING + b"\r\n" + FRAMES
    got, rest = await sent(house, "replayed", raw + SMUGGLED)
    assert (got.status, rest) == (400, b"")
    assert house.mock.requests == []
