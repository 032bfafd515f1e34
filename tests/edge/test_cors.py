"""Browser pages: what they may ask, and what they may read of the answers, through every door."""

from __future__ import annotations

import json

import pytest

from loadtest.answers import Answer as Said
from loadtest.answers import chat_stream

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'
STREAM = b'{"model":"gpt-4o","stream":true}'
PAGE = b"Origin: https://page.example"


def preflight(
    requests, path: bytes, method: bytes = b"POST", names: bytes = b"authorization,x-stainless-os"
) -> bytes:
    asked = (b"Access-Control-Request-Method: " + method, b"Access-Control-Request-Headers: " + names)
    return requests.get(path, PAGE, *asked, method=b"OPTIONS", key=b"")


@pytest.mark.parametrize(
    "path", [CHAT, b"/openai/v1/files", b"/v1/models", b"/health", b"/nowhere", b"/engines/m/x"]
)
async def test_a_preflight_needs_no_key_on_any_path(house, requests, door: str, path: bytes) -> None:
    got = await house.ask(preflight(requests, path), door)
    assert got.status == 204
    assert got.header(b"access-control-allow-origin") == b"*"
    assert got.header(b"access-control-allow-headers") == b"authorization,x-stainless-os"
    assert b"DELETE" in (got.header(b"access-control-allow-methods") or b"")
    assert got.header(b"content-length") is None
    await house.recorded()
    assert (house.records[0].route, house.records[0].status) == ("preflight", 204)
    assert house.mock.requests == []


async def test_answers_may_be_read(house, requests, door: str) -> None:
    theirs = (
        (b"access-control-allow-origin", b"https://upstream.example"),
        (b"Access-Control-Expose-Headers", b"X"),
    )
    house.mock.script(Said(headers=theirs, body=PLAIN))
    got = await house.ask(requests.post(CHAT, PLAIN, PAGE), door)
    assert got.status == 200
    origins = [value for name, value in got.headers if name.lower() == b"access-control-allow-origin"]
    assert origins == [b"*"], "the upstream's own word is for its own pages"
    exposed = got.header(b"access-control-expose-headers") or b""
    assert {b"x-request-id", b"retry-after", b"x-litellm-call-id"} <= set(exposed.split(b", "))


async def test_streams_may_be_read(house, requests, door: str) -> None:
    house.mock.script(chat_stream())
    got = await house.ask(requests.post(CHAT, STREAM, PAGE), door)
    assert got.header(b"access-control-allow-origin") == b"*"
    assert got.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CHAT, b"{}", 400),
        (CHAT, b'{"model":"none"}', 404),
        (b"/nowhere", b"{}", 404),
        (b"/livez", b"{}", 405),
    ],
)
async def test_errors_may_be_read(house, requests, door: str, path: bytes, body: bytes, status: int) -> None:
    got = await house.ask(requests.post(path, body, PAGE), door)
    assert got.status == status
    assert got.header(b"access-control-allow-origin") == b"*"


async def test_a_missing_key_may_be_read(house, requests, door: str) -> None:
    got = await house.ask(requests.post(CHAT, PLAIN, PAGE, key=b""), door)
    assert got.status == 401
    assert got.header(b"access-control-allow-origin") == b"*"


async def test_an_upstreams_error_may_be_read(house, requests, door: str) -> None:
    house.mock.script(Said(429, body=b"{}", headers=((b"retry-after", b"7"),)))
    got = await house.ask(requests.post(CHAT, PLAIN, PAGE), door)
    assert got.status == 429
    assert got.header(b"access-control-allow-origin") == b"*"


async def test_who_is_no_page_is_told_nothing(house, requests, door: str) -> None:
    theirs = ((b"access-control-allow-origin", b"https://upstream.example"),)
    house.mock.script(Said(headers=theirs, body=PLAIN))
    got = await house.ask(requests.post(CHAT, PLAIN), door)
    assert got.header(b"access-control-allow-origin") == b"https://upstream.example", "its bytes as they came"
    assert got.header(b"vary") is None


async def test_an_operator_names_the_pages(make_house, requests, door: str) -> None:
    async with make_house(cors_allow_origins='["https://page.example/", "http://localhost:3000"]') as house:
        got = await house.ask(preflight(requests, CHAT), door)
        assert (got.status, got.header(b"access-control-allow-origin")) == (204, b"https://page.example")
        house.mock.script(Said(headers=((b"access-control-allow-origin", b"*"),), body=PLAIN))
        other = await house.ask(requests.post(CHAT, PLAIN, b"Origin: https://evil.example"), door)
        assert other.status == 200
        assert other.header(b"access-control-allow-origin") is None
        assert other.header(b"vary") == b"Origin"
        asked = (b"Origin: null", b"Access-Control-Request-Method: POST")
        refused = await house.ask(requests.get(CHAT, *asked, method=b"OPTIONS", key=b""), door)
        assert refused.status == 403
        assert json.loads(refused.body)["error"]["code"] == "origin_not_allowed"
        assert refused.header(b"access-control-allow-origin") is None
