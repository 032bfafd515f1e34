"""A gateway without a key, asked by a browser that a page of elsewhere has in hand: through every door."""

from __future__ import annotations

import json

import pytest

CHAT = b"/v1/chat/completions"
PLAIN = b'{"model":"gpt-4o"}'


@pytest.fixture
async def keyless(make_house):
    async with make_house(key="") as house:
        yield house


def asked(host: bytes, *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Host: " + host, b"Content-Type: text/plain", *lines))
    return b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (CHAT, head, len(PLAIN), PLAIN)


async def test_a_page_cannot_spend(keyless, door: str) -> None:
    got = await keyless.ask(asked(b"127.0.0.1:4000", b"Origin: https://evil.example"), door)
    assert (got.status, json.loads(got.body)["error"]["code"]) == (403, "origin_not_allowed")
    assert keyless.mock.requests == []


async def test_a_page_whose_name_leads_here_cannot_ask(keyless, requests, door: str) -> None:
    for request in (
        asked(b"evil.example:4000", b"Origin: http://evil.example:4000"),
        b"GET /v1/files HTTP/1.1\r\nHost: evil.example:4000\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: evil.example:4000\r\n\r\n",
    ):
        got = await keyless.ask(request, door)
        assert (got.status, json.loads(got.body)["error"]["code"]) == (403, "host_not_allowed")
    assert keyless.mock.requests == []


async def test_programs_of_this_machine_are_served(keyless, door: str) -> None:
    for host in (b"localhost:4000", b"127.0.0.1:4000", b"[::1]:4000"):
        assert (await keyless.ask(asked(host), door)).status == 200
    assert (await keyless.ask(asked(b"localhost:4000", b"Origin: http://localhost:4000"), door)).status == 200


async def test_with_a_key_every_name_is_answered(house, requests, door: str) -> None:
    got = await house.ask(
        requests.post(CHAT, PLAIN, b"Origin: https://any.example").replace(
            b"Host: gateway", b"Host: llm.corp.example"
        ),
        door,
    )
    assert got.status == 200
