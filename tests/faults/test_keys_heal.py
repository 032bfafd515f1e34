"""A failing key is left alone for as long as its failure deserves, then tried by one request, and is back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
import trio

from loadtest.answers import Answer, chat, error, reset, stalled
from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
COOLDOWN_S = 0.3
FAILING = {"500": error(500), "silence": stalled(), "unanswered": reset(), "cut": reset(300)}
AT_ONCE = {
    "429": (error(429), "rate_limited", 60),
    "429 for 7 s": (error(429, retry_after="7"), "rate_limited", 7),
    "429 for a day": (error(429, retry_after="86400"), "rate_limited", 300),
    "401": (error(401), "auth", 300),
    "403": (error(403), "auth", 300),
}


@pytest.mark.parametrize("case", AT_ONCE.values(), ids=AT_ONCE)
async def test_a_turned_away_key_is_benched_at_once_and_gets_no_request(
    scene: OpenScene, case: tuple[Answer, str, float]
) -> None:
    answer, reason, length_s = case
    async with scene(keys=2) as s:
        s.bad.script(answer)
        for _ in range(3):
            assert (await s.ask()).status == 200
        assert (len(s.bad.requests), len(s.good.requests)) == (1, 3)
        status = s.gateway.status("bad")
        assert (status.state, status.reason) == ("open", reason)
        assert length_s - 5 < status.until_s <= length_s


@pytest.mark.parametrize("answer", FAILING.values(), ids=FAILING)
async def test_three_failures_in_a_row_bench_a_key(scene: OpenScene, answer: Answer) -> None:
    async with scene(keys=2) as s:
        s.bad.script(lambda _: answer)
        for number in range(3):
            assert s.gateway.status("bad").state == "closed", number
            await s.ask()
        assert (s.gateway.status("bad").state, s.gateway.status("bad").reason) == ("open", "failing")
        assert (await s.ask()).retries == 0
        assert len(s.bad.requests) == 3


async def test_a_success_between_failures_forgives_them(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(error(500), error(500), *[chat()] * 4, error(500), error(500))
        for _ in range(8):
            assert (await s.ask()).status == 200
        assert s.gateway.status("bad").state == "closed"


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
async def test_the_clients_own_faults_never_count(scene: OpenScene, status: int) -> None:
    async with scene(keys=1) as s:
        s.bad.script(lambda _: error(status))
        for _ in range(5):
            seen = await s.ask()
            assert (seen.status, seen.body) == (status, error(status).body)
        found = s.gateway.status("bad")
        assert (found.state, found.failures, found.consecutive) == ("closed", 0, 0)
        assert {record.outcome for record in s.gateway.records} == {Outcome.CLIENT_ERROR}
        assert {record.attempts for record in s.gateway.records} == {1}


async def test_a_benched_key_comes_back_through_one_probe(scene: OpenScene) -> None:
    async with scene(keys=2, cooldown_s=COOLDOWN_S) as s:
        s.bad.script(error(429))
        assert (await s.ask()).retries == 1
        await trio.sleep(COOLDOWN_S)
        assert s.gateway.status("bad").state == "half_open"
        s.bad.script(replace(chat(), head_delay_s=0.15))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(s.ask)
            await s.bad.received(2)
            await s.ask()
            await s.ask()
            assert len(s.bad.requests) == 2, "only the probe was let through"
        assert s.gateway.status("bad").state == "closed"
        await s.ask()
        assert len(s.bad.requests) == 3


async def test_a_failed_probe_benches_for_longer(scene: OpenScene) -> None:
    async with scene(keys=2, cooldown_s=COOLDOWN_S) as s:
        s.bad.refuse()
        assert (await s.ask()).retries == 1
        await trio.sleep(COOLDOWN_S)
        assert (await s.ask()).retries == 1
        status = s.gateway.status("bad")
        assert (status.state, status.reason) == ("open", "refused")
        assert COOLDOWN_S < status.until_s <= 2 * COOLDOWN_S


async def test_alone_and_benched_the_gateway_says_when_to_come_back(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(error(429, retry_after="7"))
        assert (await s.ask()).status == 429
        seen = await s.ask()
        assert (seen.status, seen.error["code"]) == (429, "rate_limited")
        assert seen.headers[b"retry-after"] in (b"6", b"7")
        assert len(s.bad.requests) == 1
        record = s.gateway.records[1]
        assert (record.outcome, record.attempts) == (Outcome.UPSTREAM_ERROR, 0)
        assert (record.status, record.error) == (429, "rate_limited")


async def test_alone_and_merely_failing_it_is_asked_all_the_same(scene: OpenScene) -> None:
    """An error of the upstream's own serves the client better than one made up here."""
    async with scene(keys=1) as s:
        s.bad.script(*[error(500)] * 4)
        for _ in range(4):
            assert (await s.ask()).body == error(500).body
        assert s.gateway.status("bad").state == "open"
        assert (await s.ask()).status == 200
        assert s.gateway.status("bad").state == "closed"


async def test_a_quota_used_up_is_benched_like_a_wrong_key(scene: OpenScene) -> None:
    """429 with `insufficient_quota` heals no sooner than an account is topped up."""
    body = b'{"error":{"message":"no money","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'
    async with scene(keys=2) as s:
        s.bad.script(Answer(429, body=body))
        assert (await s.ask()).retries == 1
        assert s.gateway.status("bad").reason == "auth"
        assert s.gateway.status("bad").until_s > 200


@pytest.mark.parametrize("answers", [(error(500), error(429)), (reset(), error(500)), (error(500), reset())])
async def test_when_every_key_fails_the_last_ones_word_is_passed_on(
    scene: OpenScene, answers: tuple[Answer, Answer]
) -> None:
    async with scene(keys=2, retries=1) as s:
        s.bad.script(answers[0])
        s.good.script(answers[1])
        seen = await s.ask()
        last = answers[1]
        assert seen.status == (502 if last.fault is reset().fault else last.status)
        assert (len(s.bad.requests), len(s.good.requests)) == (1, 1)
        (record,) = s.gateway.records
        assert (record.attempts, record.deployment_id) == (2, "good")
        assert record.outcome is Outcome.UPSTREAM_ERROR
