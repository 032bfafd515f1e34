"""A stream whose last event has come is delivered: who ends its connection after that, and how, is nobody's failure."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import openai
import pytest
import trio

from loadtest.answers import DONE, SSE_TYPE, Answer, Fault, Framing, event
from proxy.types import Outcome
from tests.faults.conftest import DOORS, KEY, OpenScene, Scene, chat_body

COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'
THREAD_DONE = b"event: done\ndata: [DONE]\n\n"
TRANSCRIBED = b'event: transcript.text.done\ndata: {"type":"transcript.text.done","text":"hi"}\n\n'
LAST_EVENTS = {"chat": DONE, "responses": COMPLETED, "assistants": THREAD_DONE, "audio": TRANSCRIBED}


LATER = b": more\n\n" * 1000


class Dawdling:
    """Says its pieces, and ends only after a while."""

    def __init__(self, pieces: tuple[bytes, ...], gap_s: float) -> None:
        self._pieces = iter(pieces)
        self._gap_s = gap_s

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None or piece == LATER:
            await trio.sleep(self._gap_s)
        if piece is None:
            raise StopAsyncIteration
        return piece


def dawdling(*pieces: bytes, gap_s: float = 0.02) -> Answer:
    """Its last chunk comes after its last event."""

    return Answer(headers=(SSE_TYPE,), body=Dawdling(pieces, gap_s), framing=Framing.CHUNKED)


async def leave_after(s: Scene, last: bytes) -> None:
    """Reads up to the last event, and closes."""
    asked = len(s.gateway.records)
    async with s.client() as client:
        await client.send(chat_body(stream=True))
        came = b""
        while last not in came:
            came += await client.first_bytes()
    await s.gateway.recorded(asked + 1)


@pytest.mark.parametrize("last", LAST_EVENTS.values(), ids=LAST_EVENTS)
async def test_a_client_that_leaves_with_the_last_event(scene: OpenScene, last: bytes) -> None:
    async with scene(keys=1) as s:
        s.bad.script(*[dawdling(event(1), last) for _ in range(3)])
        for _ in range(3):
            await leave_after(s, last)
        assert [(r.outcome, r.status, r.error) for r in s.gateway.records] == [(Outcome.OK, 200, None)] * 3
        assert s.bad.accepted == 1, "its connection is read to its end, and kept"


async def test_one_event_earlier_it_has_left(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(dawdling(event(1), gap_s=30))
        await leave_after(s, event(1))
        assert s.gateway.records[0].outcome is Outcome.CLIENT_GONE
        assert await s.bad.closed_within(1)


async def test_an_upstream_that_never_ends_is_not_waited_for(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(dawdling(event(1), DONE, gap_s=30))
        await leave_after(s, DONE)
        assert s.gateway.records[0].outcome is Outcome.OK
        assert s.gateway.records[0].duration_s < 2
        assert await s.bad.closed_within(1)


async def test_an_upstream_that_talks_on_is_not_listened_to(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(dawdling(event(1), DONE, *[LATER] * 100))
        await leave_after(s, DONE)
        assert s.gateway.records[0].outcome is Outcome.OK
        assert await s.bad.closed_within(1)


async def test_a_stream_that_the_gateway_began(scene: OpenScene) -> None:
    async with scene(keys=1, settings="  sse_keepalive_s: 0.1\n") as s:
        s.bad.script(replace(dawdling(event(1), DONE), head_delay_s=0.15))
        await leave_after(s, DONE)
        assert (s.gateway.records[0].outcome, s.gateway.records[0].status) == (Outcome.OK, 200)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", ["live", "probe", "buffered"])
async def test_a_reset_after_the_last_event_takes_nothing_away(
    scene: OpenScene, door: str, mode: str
) -> None:
    answer = Answer(headers=(SSE_TYPE,), body=(event(1), DONE), framing=Framing.CLOSE)
    all_of_it = len(answer.head()) + len(event(1) + DONE)
    async with scene(keys=2, settings=f"  stream_mode: {mode}\n") as s:
        s.bad.script(replace(answer, fault=Fault.RESET, fault_at=all_of_it, gap_s=0.02))
        seen = await s.ask(stream=True, door=door)
        assert (seen.whole, seen.body) == (True, event(1) + DONE)
        assert s.gateway.records[0].outcome is Outcome.OK
        assert (s.gateway.status("bad").failures, s.gateway.records[0].attempts) == (0, 1)


def read_ten(url: str) -> None:
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        for _ in range(10):
            with client.chat.completions.create(model="m", messages=[], stream=True) as stream:
                assert [chunk.choices[0].finish_reason for chunk in stream] == [None]
            time.sleep(0.1)  # by now it has ended


async def test_ten_streams_of_the_sdk_share_one_connection(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(*[dawdling(event(1), DONE) for _ in range(10)])
        await trio.to_thread.run_sync(read_ten, f"http://127.0.0.1:{s.gateway.port}/v1")
        await s.gateway.recorded(10)
        assert {record.outcome for record in s.gateway.records} == {Outcome.OK}
        assert s.bad.accepted == 1
