"""Faults before anything was sent to the client: another key answers, or the client is told the truth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from loadtest.answers import Answer, chat, chat_stream, error, reset, stalled, truncated
from proxy.types import Outcome

HALF_HEAD = 20
NOT_HTTP = Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", close_after=True)
HUGE_HEAD = Answer(headers=((b"x-huge", b"a" * 70_000),), body=b"{}")
HALF_CLOSED = Answer(fault=truncated().fault.HALF_CLOSE)
NO_STATUS = Answer(raw=b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n")
TWO_LENGTHS = Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}")
SWITCHED = Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")
ENDLESS_INTERIM = Answer(raw=b"HTTP/1.1 102 Processing\r\n\r\n" * 17)


@dataclass(frozen=True)
class Case:
    """An answer that is none; what the client is told when there is no other key; what it does to the key."""

    name: str
    answer: Answer
    status: int
    code: str | None
    reason: str = ""
    """In the record."""
    bench: str = ""
    """Why the key is benched after one of these; empty: it is not."""


NO_ANSWER = [
    Case("reset", reset(), 502, "upstream_failed", "the upstream closed the connection unanswered"),
    Case("closed", truncated(), 502, "upstream_failed", "the upstream closed the connection unanswered"),
    Case("half closed", HALF_CLOSED, 502, "upstream_failed", "the upstream closed the connection unanswered"),
    Case("reset in its head", reset(HALF_HEAD), 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("closed in its head", truncated(HALF_HEAD), 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("silence", stalled(), 504, "upstream_timeout", "the upstream did not answer in time"),
    Case("stalled in its head", stalled(HALF_HEAD), 504, "upstream_timeout", "the upstream did not answer in time"),
    Case("not HTTP", NOT_HTTP, 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("huge head", HUGE_HEAD, 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("no status", NO_STATUS, 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("two framings", TWO_LENGTHS, 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("switched protocols", SWITCHED, 502, "upstream_failed", "the upstream's answer is not HTTP"),
    Case("only interim answers", ENDLESS_INTERIM, 502, "upstream_failed", "the upstream's answer is not HTTP"),
]  # fmt: skip
REFUSALS = [
    Case("401", error(401), 401, "invalid_api_key", bench="auth"),
    Case("402", error(402), 402, None, bench="auth"),
    Case("403", error(403), 403, "account_deactivated", bench="auth"),
    Case("408", error(408), 408, None),
    Case("429", error(429), 429, None, bench="rate_limited"),
    Case("429 with Retry-After", error(429, retry_after="7"), 429, None, bench="rate_limited"),
    Case("500", error(500), 500, None),
    Case("502", error(502), 502, None),
    Case("503", error(503), 503, None),
    Case("529", error(529), 529, None),
]
OpenScene = Callable[..., AbstractAsyncContextManager[Any]]

every_case = pytest.mark.parametrize("case", [*NO_ANSWER, *REFUSALS], ids=lambda case: case.name)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@every_case
@streamed
async def test_another_key_answers(scene: OpenScene, case: Case, stream: bool) -> None:
    async with scene(keys=2) as s:
        s.bad.script(case.answer)
        seen = await s.ask(stream=stream)
        expected = chat_stream() if stream else chat()
        assert (seen.status, seen.whole, seen.retries) == (200, True, 1)
        assert seen.body == b"".join(expected.body) if stream else expected.body
        assert seen.headers[b"x-litellm-model-id"] == b"good"
        (record,) = s.gateway.records
        assert (record.outcome, record.status, record.attempts) == (Outcome.OK, 200, 2)
        assert (record.deployment_id, record.error) == ("good", None)
        assert [len(s.bad.requests), len(s.good.requests)] == [1, 1]
        assert s.bad.requests[0].body == s.good.requests[0].body
        assert (s.gateway.status("bad").reason, s.gateway.status("bad").failures) == (case.bench, 1)
        assert s.gateway.status("good").failures == 0


@every_case
@streamed
async def test_alone_it_tells_the_truth(scene: OpenScene, case: Case, stream: bool) -> None:
    async with scene(keys=1) as s:
        s.bad.script(case.answer)
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.whole) == (case.status, True)
        assert seen.error["code"] == case.code
        (record,) = s.gateway.records
        assert (record.status, record.attempts, record.deployment_id) == (case.status, 1, "bad")
        assert (record.error or "").startswith(case.reason)
        assert len(s.bad.requests) == 1
        assert s.gateway.status("bad").reason == case.bench
        assert s.gateway.status("bad").consecutive == 1


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
async def test_an_upstreams_own_error_is_passed_on_unchanged(scene: OpenScene, case: Case) -> None:
    async with scene(keys=1) as s:
        s.bad.script(case.answer)
        seen = await s.ask()
        assert seen.body == case.answer.body
        assert seen.headers.get(b"retry-after") == dict(case.answer.headers).get(b"retry-after")
        client_fault = case.status == 408
        expected = Outcome.CLIENT_ERROR if client_fault else Outcome.UPSTREAM_ERROR
        assert s.gateway.records[0].outcome is expected
