"""Faults after the answer began: the client is cut off, and a stream says why where it can."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from loadtest.answers import (
    DONE,
    SSE_TYPE,
    Answer,
    Fault,
    Framing,
    chat,
    chat_stream,
    chunk,
    event,
)
from proxy.gateway.telling.last_words import BROKE_OFF
from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
FIRST, SECOND = event(1), event(2)
BODY = chat().body
assert isinstance(BODY, bytes)


@dataclass(frozen=True)
class Break:
    """How an answer goes wrong, and what the record says of it."""

    name: str
    fault: Fault
    reason: str


BREAKS = [
    Break("reset", Fault.RESET, "source connection broke"),
    Break("closed", Fault.CLOSE, "source closed early"),
    Break("half closed", Fault.HALF_CLOSE, "source closed early"),
    Break("stalled", Fault.STALL, "source stopped sending"),
]
every_break = pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
keys = pytest.mark.parametrize("keys", [1, 2], ids=["one key", "two keys"])


def streamed(framing: Framing) -> Answer:
    return Answer(headers=(SSE_TYPE,), body=(FIRST, SECOND, DONE), framing=framing)


def broken_at(answer: Answer, fault: Fault, body_bytes: int) -> Answer:
    """`body_bytes`: of the body as it is framed."""
    return replace(answer, fault=fault, fault_at=len(answer.head()) + body_bytes)


async def assert_truncated(s: Any, reason: str) -> None:
    (record,) = s.gateway.records
    assert (record.outcome, record.status, record.attempts) == (Outcome.TRUNCATED, 200, 1)
    assert record.error == reason
    status = s.gateway.status("bad")
    assert (status.failures, status.consecutive, status.state) == (1, 1, "closed")
    assert len(s.good.requests) == 0


@every_break
@keys
async def test_a_json_body_is_cut(scene: OpenScene, broken: Break, keys: int) -> None:
    async with scene(keys=keys) as s:
        s.bad.script(broken_at(chat(), broken.fault, 300))
        seen = await s.ask()
        assert (seen.status, seen.whole) == (200, False)
        assert seen.body == BODY[:300]
        await assert_truncated(s, broken.reason)


@every_break
@keys
async def test_a_json_body_that_never_began_is_nobodys_yet(
    scene: OpenScene, broken: Break, keys: int
) -> None:
    """A head alone commits nothing: it fails over, and alone it is an error with a status."""
    async with scene(keys=keys) as s:
        s.bad.script(broken_at(chat(), broken.fault, 0))
        seen = await s.ask()
        alone = 504 if broken.fault is Fault.STALL else 502
        assert (seen.status, seen.whole) == (alone if keys == 1 else 200, True)
        assert s.gateway.status("bad").failures == 1
        assert len(s.good.requests) == keys - 1


@every_break
@keys
async def test_a_stream_that_stops_between_two_events_says_so(
    scene: OpenScene, broken: Break, keys: int
) -> None:
    async with scene(keys=keys) as s:
        s.bad.script(broken_at(streamed(Framing.CHUNKED), broken.fault, len(chunk(FIRST))))
        seen = await s.ask(stream=True)
        assert (seen.status, seen.whole) == (200, False)
        assert seen.body == FIRST + BROKE_OFF
        await assert_truncated(s, broken.reason)


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE], ids=lambda framing: framing.value)
@pytest.mark.parametrize("piece_bytes", [1, 2, 3])
async def test_an_event_whose_end_came_in_pieces_is_a_whole_event(
    scene: OpenScene, framing: Framing, piece_bytes: int
) -> None:
    event_bytes = len(chunk(FIRST)) if framing is Framing.CHUNKED else len(FIRST)
    answer = broken_at(streamed(framing), Fault.CLOSE, event_bytes)
    async with scene(keys=1) as s:
        s.bad.script(replace(answer, piece_bytes=piece_bytes, gap_s=0.0001))
        assert (await s.ask(stream=True)).body == FIRST + BROKE_OFF


@every_break
@pytest.mark.parametrize("into", [1, 40, len(chunk(SECOND)) - 1])
async def test_a_stream_that_stops_inside_an_event_is_cut(scene: OpenScene, broken: Break, into: int) -> None:
    async with scene(keys=1) as s:
        at = len(chunk(FIRST)) + into
        s.bad.script(broken_at(streamed(Framing.CHUNKED), broken.fault, at))
        seen = await s.ask(stream=True)
        assert (seen.status, seen.whole) == (200, False)
        assert seen.body.startswith(FIRST)
        assert (FIRST + SECOND).startswith(seen.body)
        await assert_truncated(s, broken.reason)


async def test_an_event_in_two_chunks_that_stops_between_them_is_cut(scene: OpenScene) -> None:
    """Another chunk could follow, another event could not."""
    halves = (FIRST, SECOND[:40], SECOND[40:], DONE)
    answer = Answer(headers=(SSE_TYPE,), body=halves, framing=Framing.CHUNKED)
    async with scene(keys=1) as s:
        s.bad.script(broken_at(answer, Fault.CLOSE, len(chunk(FIRST) + chunk(SECOND[:40]))))
        seen = await s.ask(stream=True)
        assert (seen.whole, seen.body) == (False, FIRST + SECOND[:40])
        await assert_truncated(s, "source closed early")


@pytest.mark.parametrize("keys", [1, 2])
async def test_a_stream_that_breaks_before_its_first_byte_is_nobodys_yet(scene: OpenScene, keys: int) -> None:
    """A head alone commits nothing: it fails over, and alone it is an error with a status."""
    async with scene(keys=keys) as s:
        s.bad.script(broken_at(streamed(Framing.CHUNKED), Fault.CLOSE, 0))
        seen = await s.ask(stream=True)
        assert (seen.status, seen.whole) == (502 if keys == 1 else 200, True)
        assert s.gateway.status("bad").failures == 1
        assert len(s.good.requests) == keys - 1


@every_break
async def test_a_stream_with_a_length_is_cut(scene: OpenScene, broken: Break) -> None:
    """There is no room for another event in it."""
    async with scene(keys=1) as s:
        s.bad.script(broken_at(streamed(Framing.LENGTH), broken.fault, len(FIRST)))
        seen = await s.ask(stream=True)
        assert (seen.whole, seen.body) == (False, FIRST)
        await assert_truncated(s, broken.reason)


@every_break
async def test_a_stream_until_the_close_says_that_it_broke(scene: OpenScene, broken: Break) -> None:
    """Its end looks like any end: only the event tells."""
    async with scene(keys=1) as s:
        s.bad.script(broken_at(streamed(Framing.CLOSE), broken.fault, len(FIRST)))
        seen = await s.ask(stream=True)
        assert seen.body == FIRST + BROKE_OFF
        await assert_truncated(s, broken.reason)


@every_break
async def test_a_stream_until_the_close_that_stops_inside_an_event_is_reset(
    scene: OpenScene, broken: Break
) -> None:
    async with scene(keys=1) as s:
        s.bad.script(broken_at(streamed(Framing.CLOSE), broken.fault, len(FIRST) + 40))
        seen = await s.ask(stream=True)
        assert (seen.whole, seen.body) == (False, FIRST + SECOND[:40])
        await assert_truncated(s, broken.reason)


async def test_a_whole_stream_until_the_close_ends_cleanly(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(streamed(Framing.CLOSE))
        seen = await s.ask(stream=True)
        assert (seen.whole, seen.body) == (True, FIRST + SECOND + DONE)
        assert s.gateway.records[0].outcome is Outcome.OK
        assert s.gateway.status("bad").failures == 0


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.STALL], ids=lambda fault: fault.value)
async def test_json_until_the_close_that_breaks_is_reset(scene: OpenScene, fault: Fault) -> None:
    async with scene(keys=1) as s:
        s.bad.script(broken_at(replace(chat(), framing=Framing.CLOSE), fault, 100))
        seen = await s.ask()
        assert (seen.whole, seen.body) == (False, BODY[:100])
        await assert_truncated(
            s, {Fault.RESET: "source connection broke"}.get(fault, "source stopped sending")
        )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_bad_chunk_cuts_the_answer(scene: OpenScene, stream: bool) -> None:
    answer = streamed(Framing.CHUNKED) if stream else replace(chat(), framing=Framing.CHUNKED)
    raw = answer.head() + chunk(FIRST) + b"zz\r\nnot a chunk\r\n"
    async with scene(keys=2) as s:
        s.bad.script(Answer(raw=raw))
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.whole) == (200, False)
        assert DONE not in seen.body
        await assert_truncated(s, "source framing is wrong")
        assert await s.bad.closed_within(1)


async def test_a_length_too_long_is_cut_when_the_upstream_falls_silent(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(replace(chat(), content_length=len(BODY) + 5))
        seen = await s.ask()
        assert (seen.whole, seen.body) == (False, BODY)
        await assert_truncated(s, "source stopped sending")


async def test_a_length_too_short_passes_what_was_announced_and_costs_the_connection(
    scene: OpenScene,
) -> None:
    async with scene(keys=1) as s:
        s.bad.script(replace(chat(), content_length=len(BODY) - 5))
        seen = await s.ask()
        assert (seen.whole, seen.body) == (True, BODY[:-5])
        assert (await s.ask()).body == BODY
        assert s.bad.accepted == 2
        assert s.gateway.records[0].outcome is Outcome.OK


@pytest.mark.parametrize("answer", [chat(), chat_stream(3)], ids=["whole", "stream"])
async def test_a_byte_at_a_time_is_no_fault(scene: OpenScene, answer: Answer) -> None:
    async with scene(keys=1) as s:
        s.bad.script(replace(answer, piece_bytes=1))
        seen = await s.ask(stream=answer.framing is Framing.CHUNKED)
        expected = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        assert (seen.whole, seen.body) == (True, expected)
        assert s.gateway.records[0].outcome is Outcome.OK


async def test_pauses_shorter_than_the_gap_are_no_fault(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(chat_stream(4, gap_s=0.1))
        assert (await s.ask(stream=True)).whole
        assert s.gateway.status("bad").failures == 0
