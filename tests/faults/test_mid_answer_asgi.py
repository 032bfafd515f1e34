"""Answers that break behind the ASGI door: cut under hypercorn as truthfully as on the fast door."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from loadtest.answers import DONE, SSE_TYPE, Answer, Fault, Framing, chat, event
from proxy.gateway.telling.last_words import BROKE_OFF
from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
FIRST, SECOND = event(1), event(2)
BODY = chat().body
assert isinstance(BODY, bytes)
FAULTS = [Fault.RESET, Fault.CLOSE, Fault.STALL]
every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.value)


def broken_after(sent: bytes, framing: Framing, fault: Fault) -> Answer:
    """A stream whose payload stops after `sent`."""
    pieces = (sent,) if framing is Framing.LENGTH else (FIRST, sent[len(FIRST) :])
    whole = Answer(headers=(SSE_TYPE,), body=tuple(filter(None, pieces)), framing=framing)
    if framing is Framing.LENGTH:
        whole = replace(whole, content_length=len(sent) + 100)
    written = b"".join(whole.writes()).removesuffix(b"0\r\n\r\n")
    return replace(whole, fault=fault, fault_at=len(written))


async def assert_truncated(s: Any) -> None:
    (record,) = s.gateway.records
    assert (record.door, record.outcome, record.status) == ("asgi", Outcome.TRUNCATED, 200)
    assert s.gateway.status("bad").failures == 1


@every_fault
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE], ids=lambda framing: framing.value)
async def test_a_stream_that_stops_between_two_events_says_so(
    scene: OpenScene, fault: Fault, framing: Framing
) -> None:
    async with scene() as s:
        s.bad.script(broken_after(FIRST + SECOND, framing, fault))
        seen = await s.ask(stream=True, door="asgi")
        assert (seen.status, seen.whole) == (200, False)
        assert seen.body == FIRST + SECOND + BROKE_OFF
        await assert_truncated(s)


@every_fault
@pytest.mark.parametrize("framing", Framing, ids=lambda framing: framing.value)
async def test_a_stream_that_stops_inside_an_event_is_cut(
    scene: OpenScene, fault: Fault, framing: Framing
) -> None:
    async with scene() as s:
        s.bad.script(broken_after(FIRST + SECOND[:40], framing, fault))
        seen = await s.ask(stream=True, door="asgi")
        assert (seen.status, seen.whole, seen.body) == (200, False, FIRST + SECOND[:40])
        await assert_truncated(s)


@every_fault
async def test_a_stream_with_a_length_is_cut(scene: OpenScene, fault: Fault) -> None:
    async with scene() as s:
        s.bad.script(broken_after(FIRST, Framing.LENGTH, fault))
        seen = await s.ask(stream=True, door="asgi")
        assert (seen.whole, seen.body) == (False, FIRST)
        await assert_truncated(s)


@every_fault
async def test_a_json_body_is_cut(scene: OpenScene, fault: Fault) -> None:
    async with scene() as s:
        s.bad.script(replace(chat(), fault=fault, fault_at=len(chat().head()) + 100))
        seen = await s.ask(door="asgi")
        assert (seen.status, seen.whole, seen.body) == (200, False, BODY[:100])
        await assert_truncated(s)


async def test_a_whole_stream_ends_cleanly(scene: OpenScene) -> None:
    async with scene() as s:
        s.bad.script(Answer(headers=(SSE_TYPE,), body=(FIRST, DONE), framing=Framing.CLOSE))
        seen = await s.ask(stream=True, door="asgi")
        assert (seen.whole, seen.body) == (True, FIRST + DONE)
        assert s.gateway.records[0].outcome is Outcome.OK


async def test_an_event_whose_end_came_in_pieces_is_a_whole_event(scene: OpenScene) -> None:
    async with scene() as s:
        broken = broken_after(FIRST, Framing.CHUNKED, Fault.CLOSE)
        s.bad.script(replace(broken, piece_bytes=1, gap_s=0.0001))
        assert (await s.ask(stream=True, door="asgi")).body == FIRST + BROKE_OFF
