"""Keep-alive comments in every silence of a stream, between its events only."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import openai
import pytest
import trio

from loadtest.answers import DONE, SSE_TYPE, Answer, Fault, Framing, chunk, event
from proxy.gateway.telling.last_words import BROKE_OFF
from proxy.types import Outcome
from tests.faults.conftest import DOORS, KEY, OpenScene, chat_body

COMMENT = b": keep-alive\n"
EVERY = "  sse_keepalive_s: 0.04\n"
SILENCE_S = 0.13
NAMED = b'id: 7\ndata: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
"""Once a stream has an id, OpenAI's SDK takes a blank line for an event."""


class Slow:
    """A silence before each piece but those that come at once."""

    def __init__(self, *pieces: bytes, at_once: int = 0) -> None:
        self._pieces = iter(pieces)
        self._at_once = at_once

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        self._at_once -= 1
        if self._at_once < 0:
            await trio.sleep(SILENCE_S)
        return piece


def slow(*pieces: bytes, framing: Framing = Framing.CHUNKED, at_once: int = 0) -> Answer:
    return Answer(headers=(SSE_TYPE,), body=Slow(*pieces, at_once=at_once), framing=framing)


def parted(body: bytes) -> list[bytes]:
    """Runs of comments, and what is between them."""
    return [part for part in re.split(rb"((?:: keep-alive\n)+)", body) if part]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE])
async def test_before_the_head_before_the_first_event_and_between_events(
    scene: OpenScene, framing: Framing, door: str
) -> None:
    async with scene(keys=1, settings=EVERY) as s:
        s.bad.script(replace(slow(event(1), NAMED, DONE, framing=framing), head_delay_s=SILENCE_S))
        seen = await s.ask(stream=True, door=door)
        before, first, between, second, last, done = parted(seen.body)
        assert (first, second, done) == (event(1), NAMED, DONE)
        assert min(each.count(COMMENT) for each in (before, between, last)) >= 1
        assert seen.whole
        assert s.gateway.records[0].outcome is Outcome.OK


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/v1/chat/completions", chat_body(stream=True)),
        (b"/openai/v1/responses", b'{"model":"m","stream":true}'),
        (b"/v1/audio/speech", b'{"model":"m","stream_format":"sse"}'),
    ],
    ids=["native", "passthrough", "said by the answer only"],
)
async def test_between_the_events_of_an_upstreams_own_stream(
    scene: OpenScene, path: bytes, body: bytes, framing: Framing, door: str
) -> None:
    async with scene(keys=1, settings=EVERY) as s, s.client() as client:
        s.bad.script(slow(NAMED, DONE, framing=framing, at_once=1))
        await client.send(body, path, lines=DOORS[door])
        seen = await client.read()
        assert re.fullmatch(re.escape(NAMED) + b"(?:%b)+" % COMMENT + re.escape(DONE), seen.body)
        assert seen.whole


@pytest.mark.parametrize("door", DOORS)
async def test_never_within_an_event(scene: OpenScene, door: str) -> None:
    async with scene(keys=1, settings=EVERY) as s:
        s.bad.script(slow(NAMED[:20], NAMED[20:], DONE[:-1], DONE[-1:], at_once=1))
        seen = await s.ask(stream=True, door=door)
        assert NAMED in seen.body
        assert DONE in seen.body
        assert COMMENT in seen.body.partition(NAMED)[2]


@pytest.mark.parametrize("door", DOORS)
async def test_never_into_a_compressed_stream(scene: OpenScene, door: str) -> None:
    zipped = gzip.compress(event(1) + DONE)
    headers = (SSE_TYPE, (b"content-encoding", b"gzip"))
    answer = Answer(headers=headers, body=(zipped[:15], zipped[15:]), framing=Framing.CHUNKED, gap_s=0.15)
    async with scene(keys=1, settings=EVERY.replace("0.04", "0.1")) as s:
        s.bad.script(answer)
        seen = await s.ask(stream=True, door=door)
        assert (seen.whole, gzip.decompress(seen.body)) == (True, event(1) + DONE)


@pytest.mark.parametrize("door", DOORS)
async def test_never_into_a_stream_of_announced_length(scene: OpenScene, door: str) -> None:
    async with scene(keys=1, settings=EVERY.replace("0.04", "0.1")) as s:
        answer = Answer(headers=(SSE_TYPE,), body=(event(1), DONE), framing=Framing.LENGTH, gap_s=0.15)
        s.bad.script(answer)
        seen = await s.ask(stream=True, door=door)
        assert (seen.whole, seen.body) == (True, event(1) + DONE)


@pytest.mark.parametrize("door", DOORS)
async def test_an_error_fits_behind_a_comment(scene: OpenScene, door: str) -> None:
    async with scene(keys=1, settings=EVERY) as s:
        answer = Answer(headers=(SSE_TYPE,), body=(NAMED, DONE), framing=Framing.CHUNKED)
        until = len(b"".join(answer.writes())) - len(chunk(DONE)) - len(b"0\r\n\r\n")
        s.bad.script(replace(answer, fault=Fault.STALL, fault_at=until))
        seen = await s.ask(stream=True, door=door)
        assert seen.body.startswith(NAMED + COMMENT)
        assert seen.body.endswith(COMMENT + BROKE_OFF)
        assert not seen.whole


def texts(port: int) -> list[str]:
    sdk = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0)
    with sdk, sdk.chat.completions.create(model="m", messages=[], stream=True) as stream:
        return [chunk.choices[0].delta.content or "" for chunk in stream]


async def test_the_sdk_hears_the_events_only(scene: OpenScene) -> None:
    async with scene(keys=1, settings=EVERY) as s:
        s.bad.script(slow(NAMED, NAMED, DONE))
        assert await trio.to_thread.run_sync(texts, s.gateway.port) == ["hi", "hi"]
