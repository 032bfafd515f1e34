"""A client that leaves takes its request along: at once, in every phase, and at nobody's expense."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from loadtest.answers import Answer, chat, chat_stream, error, stalled
from loadtest.mock_upstream import unanswered_port
from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
SOON_S = 1.0
BODY = b'{"model":"m","messages":[]}'
STREAM = b'{"model":"m","messages":[],"stream":true}'
SLOW_BODY = replace(chat(size_bytes=50_000), piece_bytes=1000, gap_s=0.05)


async def assert_forgotten(s: Any, status: int) -> None:
    """One record, no mark on the key, no other key asked, nothing left open."""
    await s.gateway.recorded(1)
    (record,) = s.gateway.records
    assert (record.outcome, record.status) == (Outcome.CLIENT_GONE, status)
    found = s.gateway.status("bad")
    assert (found.failures, found.consecutive, found.in_flight) == (0, 0, 0)
    assert s.good.requests == []
    await s.gateway.quiet()


async def test_while_the_upstream_thinks(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(replace(chat(), head_delay_s=30))
        async with s.client() as client:
            await client.send(BODY)
            await s.bad.received(1)
        assert await s.bad.closed_within(SOON_S)
        await assert_forgotten(s, status=0)


@pytest.mark.parametrize(
    ("body", "answer"), [(STREAM, chat_stream(1000, gap_s=0.02)), (BODY, SLOW_BODY)], ids=["stream", "whole"]
)
async def test_while_the_answer_comes(scene: OpenScene, body: bytes, answer: Answer) -> None:
    async with scene(keys=2) as s:
        s.bad.script(answer)
        async with s.client() as client:
            await client.send(body)
            await client.first_bytes()
        assert await s.bad.closed_within(SOON_S)
        await assert_forgotten(s, status=200)


@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_while_an_errors_words_come(scene: OpenScene, status: int) -> None:
    """Its status alone decides nothing: the words may say that it was the client's own doing."""
    async with scene(keys=2) as s:
        s.bad.script(replace(error(status), content_length=500))
        async with s.client() as client:
            await client.send(BODY)
            await s.bad.received(1)
            await trio.testing.wait_all_tasks_blocked(0.05)  # its head has been read
        assert await s.bad.closed_within(SOON_S)
        await assert_forgotten(s, status=0)


async def test_while_connecting(scene: OpenScene) -> None:
    async with unanswered_port() as port, scene(keys=2, base=f"http://127.0.0.1:{port}") as s:
        async with s.client() as client:
            await client.send(BODY)
            while not s.gateway.in_flight:  # noqa: ASYNC110 - nobody tells
                await trio.sleep(0.001)
        await assert_forgotten(s, status=0)


async def test_during_the_second_attempt(scene: OpenScene) -> None:
    """The first key's fault counts, the second key has done nothing wrong."""
    async with scene(keys=2) as s:
        s.bad.script(error(429))
        s.good.script(stalled())
        async with s.client() as client:
            await client.send(BODY)
            await s.good.received(1)
        await s.gateway.recorded(1)
        (record,) = s.gateway.records
        assert (record.outcome, record.attempts) == (Outcome.CLIENT_GONE, 2)
        assert (s.gateway.status("bad").failures, s.gateway.status("good").failures) == (1, 0)


async def test_while_its_body_is_awaited(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        async with s.client() as client:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-gateway\r\n"
            await client.stream.send_all(
                head + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
        await s.gateway.recorded(1)
        assert s.gateway.records[0].outcome is Outcome.CLIENT_GONE
        assert s.gateway.records[0].attempts == 0
        assert s.bad.accepted == 0


async def test_leaving_is_no_success_for_a_key_on_probation(scene: OpenScene) -> None:
    async with scene(keys=2, cooldown_s=0.2) as s:
        s.bad.script(error(429), stalled())
        await s.ask()
        await trio.sleep(0.2)
        async with s.client() as client:
            await client.send(BODY)
            await s.bad.received(2)
        await s.gateway.recorded(2)
        assert s.gateway.status("bad").state == "half_open"


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_nothing_is_left_open_after_faults_and_leavings(scene: OpenScene) -> None:
    """Descriptors are counted once the pools and caches of the first round are filled."""
    answers = [chat(), error(500), stalled(300), stalled(), chat_stream(3), SLOW_BODY]
    async with scene(keys=2) as s:

        async def round_of_requests() -> int:
            s.bad.script(*answers)
            for number, _ in enumerate(answers):
                async with s.client() as client:
                    await client.send(STREAM)
                    if number % 2:
                        await client.first_bytes()
            await s.gateway.quiet()
            s.bad.unscript()
            return open_descriptors()

        first = await round_of_requests()
        counts = [await round_of_requests() for _ in range(4)]
        assert max(counts) <= first + 4, "idle connections to the upstreams and their other ends"
        await s.gateway.recorded(5 * len(answers))
        assert len(s.gateway.records) == 5 * len(answers)
