"""Limits of keys in real workers: one machine's workers count as one, and answers tell."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.test_metrics import workers

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_key: sk-1, mock_response: "hello"}
sluice_settings:
  keys:
    - {key: sk-limits-rpm-1, key_alias: rpm, rpm_limit: 10}
    - {key: sk-limits-model-1, key_alias: of-model, model_rpm_limit: {m: 2}}
    - {key: sk-limits-free-1, key_alias: free}
    - {key: sk-limits-told-1, key_alias: told, rpm_limit: 1000, max_budget: 5}
"""


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("limits")
    with running_gateway(folder, config=CONFIG, arguments=["--num_workers", "4"]) as gateway:
        yield gateway


def ask(gateway: GatewayProcess, key: str, **body: object) -> httpx.Response:
    """On a connection of its own: any worker may get it."""
    return httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": "m", "messages": [{"role": "user", "content": "hi"}], **body},
        headers={"authorization": f"Bearer {key}"},
    )


def test_all_workers_count_as_one(four: GatewayProcess) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(four, "sk-limits-rpm-1"), range(40)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (10, 30)
    refused = next(answer for answer in answers if answer.status_code == 429)
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert "key `rpm`: 10 requests per minute" in error["message"]
    assert 50 <= int(refused.headers["retry-after"]) <= 61
    assert 50_000 <= int(refused.headers["retry-after-ms"]) <= 60_500
    assert refused.headers["rate_limit_type"] == "requests"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert abs(int(refused.headers["reset_at"]) - time.time() - 60) < 15


def test_a_worker_that_is_killed_takes_no_limit_with_it(four: GatewayProcess) -> None:
    for _ in range(2):
        assert ask(four, "sk-limits-model-1").status_code == 200
    for pid in workers(four):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = ask(four, "sk-limits-model-1")
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline
    assert answer.status_code == 429
    assert "model `m` of key `of-model`" in answer.json()["error"]["message"]


def test_who_has_no_limit_is_never_refused_and_told_of_none(four: GatewayProcess) -> None:
    answers = [ask(four, "sk-limits-free-1") for _ in range(15)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name in answers[0].headers if "key-" in name or "ratelimit" in name]


def test_the_sdk_waits_as_long_as_it_is_told(four: GatewayProcess) -> None:
    client = openai.OpenAI(base_url=f"{four.url}/v1", api_key="sk-limits-model-1", max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "rate_limit_exceeded"


def test_an_answer_that_is_no_upstreams_tells_what_the_key_has_left(four: GatewayProcess) -> None:
    """A mock answer, whole and streamed."""
    for body in ({}, {"stream": True}):
        answer = ask(four, "sk-limits-told-1", **body)
        assert answer.status_code == 200
        told = {name: value for name, value in answer.headers.items() if "limit" in name or "key-" in name}
        assert told["x-litellm-key-rpm-limit"] == told["x-ratelimit-limit-requests"] == "1000"
        assert int(told["x-ratelimit-remaining-requests"]) in (998, 999)
        assert told["x-litellm-key-spend"] == "0.000000000"
        assert told["x-litellm-key-max-budget"] == "5.000000000"
