"""Requests through a gateway whose keys have limits, to an upstream that keeps what it was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from loadtest.answers import JSON_TYPE, Answer, chat, error, stalled
from loadtest.client import Seen, connected
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.limits.subjects import subject
from proxy.limits.values import Rule, Standing

CONFIG = """
model_list:
  - model_name: m
    litellm_params:
      {{model: openai/m, api_base: "{url}/v1", api_key: sk-1, input_cost_per_token: 1.0e-6,
        output_cost_per_token: 1.0e-5}}
litellm_settings: {{{more}}}
router_settings: {{num_retries: 1}}
general_settings: {{master_key: sk-master-1}}
sluice_settings:
  queue_timeout_s: {queue_s}
  keys:
    - {{key: sk-parallel-1, key_alias: one, max_parallel_requests: 1}}
    - {{key: sk-tokens-1, key_alias: tokens, tpm_limit: 1000}}
    - {{key: sk-budget-1, key_alias: budget, max_budget: 0.001, rpm_limit: 100}}
    - {{key: sk-told-1, key_alias: told, rpm_limit: 100, tpm_limit: 100000, max_budget: 2.5}}
"""
BODY = b'{"model":"m","messages":[],"max_tokens":%d}'
TEST_S = 10.0


class Scene:
    def __init__(self, within: GatewayWithin, mock: MockUpstream) -> None:
        self.within = within
        self.mock = mock

    async def ask(self, key: str, max_tokens: int = 10) -> Seen:
        with trio.fail_after(TEST_S):
            async with connected(self.within.port, key) as client:
                await client.send(BODY % max_tokens)
                return await client.read()

    def standing(self, key: str) -> Standing:
        """By its alias."""
        gateway = self.within.gateway
        found = next(
            each for each in gateway.kept.directory.all_of("key") if getattr(each, "key_alias", "") == key
        )
        standing = gateway.kept.spending.standing(Rule(subject("key", getattr(found, "id", ""))))
        assert standing is not None
        return standing

    async def at_rest(self, key: str) -> Standing:
        """Once nothing of it runs."""
        with trio.fail_after(TEST_S):
            while self.standing(key).running:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.001)
        return self.standing(key)


@asynccontextmanager
async def scene(folder: Path, more: str = "", queue_s: float = 0) -> AsyncIterator[Scene]:
    path = folder / "config.yaml"
    async with mock_upstream() as mock:
        path.write_text(CONFIG.format(url=mock.url, more=more, queue_s=queue_s))
        async with gateway_within(path) as within:
            yield Scene(within, mock)


def code(seen: Seen) -> str:
    return str(msgspec.json.decode(seen.body)["error"]["code"])


async def test_one_at_a_time_and_given_back_however_it_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, trio.open_nursery() as nursery:
        at.mock.script(stalled(), stalled())
        for leaves in (True, False):
            seen = len(at.mock.requests)
            async with connected(at.within.port, "sk-parallel-1") as client:
                await client.send(BODY % 1)
                await at.mock.received(seen + 1)
                assert at.standing("one").running == 1
                refused = await at.ask("sk-parallel-1")
                assert (refused.status, code(refused)) == (429, "rate_limit_exceeded")
                assert refused.headers[b"rate_limit_type"] == b"max_parallel_requests"
                if not leaves:
                    break
            assert (await at.at_rest("one")).running == 0
        nursery.cancel_scope.cancel()


async def test_what_upstreams_do_wrong_gives_back_what_was_reserved(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        for answers in ([error(500), error(500)], [error(400)], [error(500), chat()], [chat()]):
            at.mock.script(*answers)
            await at.ask("sk-told-1")
            standing = await at.at_rest("told")
            assert (standing.running_tokens, standing.reserved) == (0, 0)
        assert standing.requests == 4, "each counts once, however often it was tried"


async def test_tokens_count_as_used_when_they_are(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        assert (await at.ask("sk-tokens-1", 5_000)).status == 200
        standing = await at.at_rest("tokens")
        used = standing.tokens
        assert 0 < used < 1_000
        assert (await at.ask("sk-tokens-1", 5_000)).status == 429, "it would have to go alone"
        assert (await at.ask("sk-tokens-1", 10)).status == 200
        assert (await at.at_rest("tokens")).tokens == 2 * used


async def test_a_prompt_that_costs_more_than_is_left_is_refused(tmp_path: Path) -> None:
    """0.001 $ are 1,000 tokens of a prompt, or 100 of an answer."""
    async with scene(tmp_path) as at:
        assert (await at.ask("sk-budget-1", 5_000)).status == 200, "alone"
        async with connected(at.within.port, "sk-budget-1") as client:
            await client.send(b'{"model":"m","messages":[],"x":"%b"}' % (b"word " * 1_200))
            refused = await client.read()
        assert (refused.status, code(refused)) == (429, "budget_exceeded")
        assert refused.headers[b"x-should-retry"] == b"false"
        assert len(at.mock.requests) == 1


async def test_litellms_status_by_a_switch(tmp_path: Path) -> None:
    async with scene(tmp_path, "budget_exceeded_status_code: 422, max_budget: 0.0") as at:
        refused = await at.ask("sk-told-1")
        assert (refused.status, code(refused)) == (422, "budget_exceeded")
        assert msgspec.json.decode(refused.body)["error"]["type"] == "budget_exceeded"
        async with connected(at.within.port, "sk-told-1") as client:
            await client.send(b"", b"/v1/models", method=b"GET")
            assert (await client.read()).status == 200, "a page of the gateway's own reserves nothing"


async def test_what_running_requests_have_reserved_is_not_there(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.mock.script(stalled())
        async with connected(at.within.port, "sk-budget-1") as client:
            await client.send(BODY % 60)
            await at.mock.received(1)
            refused = await at.ask("sk-budget-1", 60)
            assert (refused.status, code(refused)) == (429, "budget_reserved")
            assert refused.headers[b"retry-after"] == b"1"
            assert (await at.ask("sk-budget-1", 20)).status == 200, "there is room for a shorter one"


async def test_answers_tell_what_the_key_may_and_has_left(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        seen = await at.ask("sk-told-1")
        told = {
            name: value for name, value in seen.headers.items() if b"key-" in name or b"ratelimit" in name
        }
        assert told == {
            b"x-litellm-key-spend": b"0.000000000",
            b"x-litellm-key-max-budget": b"2.500000000",
            b"x-litellm-key-rpm-limit": b"100",
            b"x-litellm-key-tpm-limit": b"100000",
            b"x-ratelimit-limit-requests": b"100",
            b"x-ratelimit-remaining-requests": b"99",
            b"x-ratelimit-limit-tokens": b"100000",
            b"x-ratelimit-remaining-tokens": b"99980",
        }


async def test_the_upstreams_limits_are_never_mixed_with_the_keys(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        its = (b"x-ratelimit-remaining-requests", b"7")
        at.mock.script(Answer(200, (JSON_TYPE, its), chat().body))
        seen = await at.ask("sk-told-1")
        assert {name: value for name, value in seen.headers.items() if b"ratelimit" in name} == dict([its])


async def test_a_limit_is_waited_for(tmp_path: Path) -> None:
    async with scene(tmp_path, queue_s=30) as at, trio.open_nursery() as nursery:
        go_on = trio.Event()
        at.mock.script(stalled())
        seen: list[int] = []

        async def second() -> None:
            seen.append((await at.ask("sk-parallel-1")).status)
            go_on.set()

        async with connected(at.within.port, "sk-parallel-1") as client:
            await client.send(BODY % 1)
            await at.mock.received(1)
            nursery.start_soon(second)
            with trio.fail_after(TEST_S):
                while not at.within.gateway.limits_waiting:  # noqa: ASYNC110 - it tells nobody
                    await trio.sleep(0.001)
            assert not seen
        with trio.fail_after(TEST_S):
            await go_on.wait()
        assert seen == [200], "the first one left"


async def test_who_leaves_waits_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path, queue_s=30) as at:
        at.mock.script(stalled())
        async with connected(at.within.port, "sk-parallel-1") as client:
            await client.send(BODY % 1)
            await at.mock.received(1)
            async with connected(at.within.port, "sk-parallel-1") as other:
                await other.send(BODY % 1)
                with trio.fail_after(TEST_S):
                    while not at.within.gateway.limits_waiting:  # noqa: ASYNC110 - it tells nobody
                        await trio.sleep(0.001)
            with trio.fail_after(TEST_S):
                while at.within.gateway.limits_waiting:  # noqa: ASYNC110 - it tells nobody
                    await trio.sleep(0.001)
            assert at.standing("one").running == 1


async def test_the_priority_stays_at_the_gateway(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, connected(at.within.port, "sk-told-1") as client:
        await client.send(b'{"model":"m","priority":5,"messages":[]}')
        assert (await client.read()).status == 200
        assert msgspec.json.decode(at.mock.requests[0].body) == {"model": "m", "messages": []}
