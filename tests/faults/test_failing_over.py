"""What follows a failure: the same key after a wait, another group, a stream held back until it has begun."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import Answer, Fault, Framing, chat, error, stalled
from proxy.types import Outcome
from tests.faults.conftest import OpenScene

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
REFUSED_LATE = b'data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}\n\n'
FALLBACKS = "\n  fallbacks: [{m: [other]}]\n"
TOO_LONG = Answer(400, body=b'{"error":{"message":"too long","code":"context_length_exceeded"}}')
FILTERED = Answer(400, body=b'{"error":{"message":"no","code":"content_filter"}}')


def events(*pieces: bytes) -> Answer:
    return replace(chat(), headers=((b"Content-Type", b"text/event-stream"),), body=b"".join(pieces),
                   framing=Framing.CHUNKED)  # fmt: skip


def broken(fault: Fault, *came: bytes) -> Answer:
    """A stream in one chunk, of which only so much comes."""
    said = events(ROLE, WORD, DONE)
    size_line = b"%x\r\n" % len(ROLE + WORD + DONE)
    return replace(said, fault=fault, fault_at=len(said.head() + size_line + b"".join(came)))


def with_router(text: str) -> str:
    return f"litellm_settings: {{{text}}}\n"


async def test_a_key_that_is_alone_is_asked_again_after_a_wait(scene: OpenScene) -> None:
    async with scene(keys=1, retries=2) as s:
        s.bad.script(error(500))
        seen = await s.ask()
        assert (seen.status, seen.retries) == (200, 1)
        assert len(s.bad.requests) == 2


async def test_what_was_retried_here_is_not_to_be_retried_by_the_client(scene: OpenScene) -> None:
    async with scene(keys=2, retries=1) as s:
        for mock in (s.bad, s.good):
            mock.script(lambda _: error(503))
        seen = await s.ask()
        assert (seen.status, seen.headers[b"x-should-retry"]) == (503, b"false")


@pytest.mark.parametrize(("asked", "requests"), [(b"0", 2), (b"1", 1), (b"7", 1)])
async def test_what_the_client_has_retried_is_not_retried_here(
    scene: OpenScene, asked: bytes, requests: int
) -> None:
    async with scene(keys=1, retries=1) as s, s.client() as client:
        s.bad.script(lambda _: error(500))
        body = b'{"model":"m","messages":[]}'
        await client.send(body, lines=b"x-stainless-retry-count: %b\r\n" % asked)
        assert (await client.read()).status == 500
        assert len(s.bad.requests) == requests


async def test_a_group_falls_back_to_another(scene: OpenScene) -> None:
    settings = with_router("fallbacks: [{m: [other]}]")
    async with scene(keys=2, retries=0, settings=settings, second_group="other") as s:
        s.bad.script(error(500))
        seen = await s.ask()
        assert (seen.status, seen.headers[b"x-litellm-model-group"]) == (200, b"other")
        assert seen.headers[b"x-litellm-attempted-fallbacks"] == b"1"
        assert s.gateway.records[0].fallbacks == 1


@pytest.mark.parametrize(
    ("answer", "setting", "status"),
    [
        (TOO_LONG, "context_window_fallbacks: [{m: [other]}]", 200),
        (TOO_LONG, "fallbacks: [{m: [other]}]", 400),
        (FILTERED, "content_policy_fallbacks: [{m: [other]}]", 200),
        (FILTERED, "fallbacks: [{m: [other]}], context_window_fallbacks: [{m: [other]}]", 400),
        (error(400), "default_fallbacks: [other]", 400),
        (error(502), "default_fallbacks: [other]", 200),
    ],
)
async def test_what_leads_to_another_group(
    scene: OpenScene, answer: Answer, setting: str, status: int
) -> None:
    async with scene(keys=2, retries=0, settings=with_router(setting), second_group="other") as s:
        s.bad.script(answer)
        assert (await s.ask()).status == status


async def test_a_silent_key_is_not_asked_twice(scene: OpenScene) -> None:
    async with scene(keys=1, retries=2) as s:
        s.bad.script(lambda _: stalled())
        seen = await s.ask(stream=True)
        assert (seen.status, seen.error["code"]) == (504, "upstream_timeout")
        assert len(s.bad.requests) == 1


@pytest.mark.parametrize("mode", ["live", "probe", "buffered"])
async def test_a_whole_stream_is_the_same_in_every_mode(scene: OpenScene, mode: str) -> None:
    async with scene(keys=1) as s, s.client() as client:
        s.bad.script(replace(events(ROLE, WORD, DONE), piece_bytes=40, gap_s=0.001))
        await client.send(
            b'{"model":"m","stream":true}', lines=b"x-litellm-stream-mode: %b\r\n" % mode.encode()
        )
        seen = await client.read()
        assert (seen.whole, seen.body) == (True, ROLE + WORD + DONE)


@pytest.mark.parametrize(
    ("mode", "answer", "whole"),
    [
        ("live", broken(Fault.CLOSE, ROLE), False),
        ("probe", broken(Fault.CLOSE, ROLE), True),
        ("probe", broken(Fault.CLOSE, ROLE, WORD), False),
        ("probe", events(ROLE, REFUSED_LATE), True),
        ("buffered", broken(Fault.STALL, ROLE, WORD), True),
    ],
)
async def test_how_late_a_stream_may_fail_over(
    scene: OpenScene, mode: str, answer: Answer, whole: bool
) -> None:
    async with scene(keys=2, settings=f"  stream_mode: {mode}\n") as s:
        s.bad.script(answer)
        s.good.script(events(ROLE, WORD, DONE))
        seen = await s.ask(stream=True)
        assert seen.whole is whole
        assert (seen.body == ROLE + WORD + DONE) is whole
        assert len(s.good.requests) == int(whole)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_head_and_the_size_of_a_chunk_commit_nothing(scene: OpenScene, stream: bool) -> None:
    async with scene(keys=2) as s:
        said = events(ROLE, WORD, DONE)
        s.bad.script(replace(said, fault=Fault.CLOSE, fault_at=len(said.head()) + len(b"9d\r\n")))
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.whole, len(s.good.requests)) == (200, True, 1)


async def test_a_sign_of_life_while_nothing_comes(scene: OpenScene) -> None:
    settings = "  sse_keepalive_s: 0.05\n"
    async with scene(keys=2, settings=settings) as s:
        s.bad.script(stalled())
        s.good.script(events(ROLE, WORD, DONE))
        seen = await s.ask(stream=True)
        assert (seen.status, seen.whole) == (200, True)
        assert seen.body.startswith(b": keep-alive\n")
        assert seen.body.endswith(ROLE + WORD + DONE)


async def test_a_failure_after_a_sign_of_life_is_told_in_the_stream(scene: OpenScene) -> None:
    async with scene(keys=1, settings="  sse_keepalive_s: 0.05\n") as s:
        s.bad.script(stalled())
        seen = await s.ask(stream=True)
        assert (seen.status, seen.whole) == (200, False)
        assert b'"code":"upstream_timeout"' in seen.body.rpartition(b": keep-alive\n")[2]
        assert b"[DONE]" not in seen.body


async def test_an_answer_whose_client_left_is_read_on_where_it_drains(scene: OpenScene) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}\n\n'
    async with scene(keys=1, settings="  on_disconnect: drain\n") as s:
        s.bad.script(replace(events(ROLE, WORD, usage, DONE), piece_bytes=20, gap_s=0.02))
        async with s.client() as client:
            await client.send(b'{"model":"m","stream":true}')
            await client.first_bytes()
        await s.gateway.recorded(1)
        (record,) = s.gateway.records
        assert record.outcome is Outcome.CLIENT_GONE
        assert record.usage is not None
        assert record.usage.total_tokens == 7


async def test_a_full_key_is_waited_for(scene: OpenScene) -> None:
    async with scene(keys=1, settings="  queue_timeout_s: 2\n") as s:
        s.bad.script(error(429, retry_after="1"))
        assert (await s.ask()).status == 429
        seen = await s.ask()
        assert seen.status == 200


async def test_an_error_whose_body_comes_later_is_understood_all_the_same(scene: OpenScene) -> None:
    settings = with_router("context_window_fallbacks: [{m: [other]}]")
    async with scene(keys=2, retries=0, settings=settings, second_group="other") as s:
        s.bad.script(replace(TOO_LONG, piece_bytes=30, gap_s=0.03))
        assert (await s.ask()).status == 200
        no_money = b'{"error":{"message":"no money","code":"insufficient_quota"}}'
        s.bad.script(replace(Answer(429, body=no_money), piece_bytes=30, gap_s=0.03))
        await s.ask()
        assert s.gateway.status("bad").reason == "auth"


async def test_a_key_that_others_have_benched_is_not_asked_after_the_wait(scene: OpenScene) -> None:
    async with scene(keys=1, retries=1, waits_s=0.3) as s, trio.open_nursery() as nursery:
        s.bad.script(error(500), error(429, retry_after="9"))
        seen = []

        async def ask() -> None:
            seen.append(await s.ask())

        nursery.start_soon(ask)
        await s.bad.received(1)
        await wait_all_tasks_blocked(0.05)
        assert (await s.ask()).status == 429
    assert [each.error["code"] for each in seen] == ["rate_limited"]
    assert len(s.bad.requests) == 2
