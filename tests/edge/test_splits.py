"""Where the network cuts a request makes no difference: not upstream, not in the answer."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-gateway\r\nX-A: 1\r\n"
BODY = b'{"model":"renamed",\r\n\r\n"x":1}'
LENGTH = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n8;e=1\r\n%b\r\n%X\r\n%b\r\n0\r\nX-T: 1\r\n\r\n" % (
    BODY[:8],
    len(BODY) - 8,
    BODY[8:],
)
UPLOAD = (
    HEAD.replace(b"chat/completions", b"files")
    + b"Content-Type: a/b\r\nContent-Length: 9\r\n\r\n12345\r\n\r\n"
)
STREAMED = CHUNKED.replace(b"chat/completions", b"files").replace(b"X-A: 1", b"Content-Type: a/b")
QUESTION = b"\r\nGET /v1/files?a HTTP/1.1\r\nhost: g\r\nauthorization: Bearer sk-gateway\r\n\r\n"
REQUESTS = {
    "length": LENGTH,
    "chunked": CHUNKED,
    "upload": UPLOAD,
    "chunked upload": STREAMED,
    "three in a row": LENGTH + QUESTION + STREAMED,
}
VARYING = re.compile(rb"(x-litellm-call-id|x-litellm-overhead-duration-ms): [^\r]*")


async def exchanged(house, client, pieces: list[bytes]) -> tuple[list[object], list[object]]:
    """(what came upstream, what was answered)"""
    house.mock.requests.clear()
    for piece in pieces:
        if piece:
            await client.send_raw(piece)
            await wait_all_tasks_blocked()
    answers = []
    for method in re.findall(rb"(POST|GET) /", b"".join(pieces)):
        got = await client.answer(method)
        assert got.whole
        answers.append((VARYING.sub(b"", got.lines), got.body))
    assert not client.buffer
    return [(request.head, request.body) for request in house.mock.requests], answers


@pytest.mark.parametrize("name", REQUESTS)
async def test_cut_in_two_anywhere(house, name: str) -> None:
    raw = REQUESTS[name]
    client = await house.client()
    whole = await exchanged(house, client, [raw])
    assert len(whole[0]) == len(whole[1]) > 0
    for cut in range(1, len(raw)):
        assert await exchanged(house, client, [raw[:cut], raw[cut:]]) == whole, raw[:cut]


@pytest.mark.parametrize("name", REQUESTS)
async def test_byte_by_byte(house, name: str) -> None:
    raw = REQUESTS[name]
    client = await house.client()
    whole = await exchanged(house, client, [raw])
    assert await exchanged(house, client, [raw[at : at + 1] for at in range(len(raw))]) == whole


async def test_cut_in_many_places(house) -> None:
    raw = REQUESTS["three in a row"]
    client = await house.client()
    whole = await exchanged(house, client, [raw])
    cuts_found: list[list[int]] = []

    @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(1, len(raw) - 1), max_size=12, unique=True))
    def collect(cuts: list[int]) -> None:
        cuts_found.append(sorted(cuts))

    collect()
    for cuts in cuts_found:
        ends = [0, *cuts, len(raw)]
        pieces = [raw[start:end] for start, end in pairwise(ends)]
        assert await exchanged(house, client, pieces) == whole, cuts
