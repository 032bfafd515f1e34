"""What one worker learns of an upstream, the others know: how many requests a dead host, a dead key, a denied model and
a rate limit cost, however many entries and workers there are."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from loadtest.answers import Answer, RawRequest, chat
from loadtest.gateway_process import free_port
from tests.e2e.conftest import Upstream
from tests.e2e.test_admin import Pair, answer_of, until

WORKERS = 4
HEARD_S = 0.1
"""What is promised is 0.05 s; the rest is this machine's."""
JSON = ((b"content-type", b"application/json"),)
DEAD = [
    f"""
  - model_name: m
    litellm_params: {{model: openai/m{number}, api_base: DEAD/v1, api_key: sk-dead, weight: 9}}
    model_info: {{id: dead-{number}}}
"""
    for number in range(5)
]
GOOD = """
  - model_name: m
    litellm_params: {model: openai/m, api_base: UPSTREAM/v1, api_key: sk-good}
    model_info: {id: good}
  - model_name: "w/*"
    litellm_params: {model: "openai/*", api_base: UPSTREAM/v1, api_key: sk-good}
    model_info: {id: star-good}
  - model_name: "w/*"
    litellm_params: {model: "openai/*", api_base: UPSTREAM/v1, api_key: sk-less, weight: 9}
    model_info: {id: star-less}
"""
CONFIG = "model_list:" + "".join(DEAD) + GOOD


def refused(status: int, code: str, *lines: tuple[bytes, bytes]) -> Answer:
    body = (
        b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"%b"}}' % code.encode()
    )
    return Answer(status, (*JSON, *lines), body)


def says(upstream: Upstream, credential: bytes, answer: Answer, model: bytes = b"") -> None:
    """To this key, about this model; to all others: well."""

    def answerer(request: RawRequest) -> Answer:
        named = request.header(b"authorization") == b"Bearer " + credential and model in request.body
        return answer if named else chat()

    upstream.say(answerer)  # type: ignore[arg-type]


def asked(upstream: Upstream, credential: bytes) -> int:
    return sum(request.header(b"authorization") == b"Bearer " + credential for request in upstream.requests)


@pytest.fixture
def four(start, upstream: Upstream, request: pytest.FixtureRequest) -> Iterator[Pair]:
    dead = getattr(request, "param", None) or upstream.origin
    with start(CONFIG.replace("DEAD", dead), ["--num_workers", str(WORKERS)]) as gateway:
        found = Pair(gateway)
        until(lambda: len(found.pids) == WORKERS)
        yield found
        found.close()


def ask_all(four: Pair, model: bytes, times: int = 3) -> set[int]:
    """Each worker in turn, a moment apart: the statuses."""
    body = b'{"model":"%b","messages":[]}' % model
    seen = set()
    for _ in range(times):
        for pid in four.pids:
            seen.add(four.at(pid).request("POST", "/v1/chat/completions", body).status)
            time.sleep(HEARD_S)
    return seen


def test_a_dead_key_costs_two_requests_at_most(four: Pair, upstream: Upstream) -> None:
    says(upstream, b"sk-dead", refused(401, "invalid_api_key"))
    assert ask_all(four, b"m") == {200}
    assert 1 <= asked(upstream, b"sk-dead") <= 2


@pytest.mark.parametrize("four", [f"http://127.0.0.1:{free_port()}"], indirect=True)
def test_a_dead_host_costs_two_requests_at_most(four: Pair, upstream: Upstream) -> None:
    assert ask_all(four, b"m", times=1) == {200}
    failures = 0
    for pid in four.pids:
        listed = answer_of(four.at(pid).request("GET", "/admin/deployments"))["deployments"]
        failures += sum(one["failures"] for one in listed if one["deployment_id"].startswith("dead"))
        (host,) = [
            layer
            for layer in answer_of(four.at(pid).request("GET", "/admin/layers"))["layers"]
            if layer["reason"] == "refused"
        ]
        assert host["layer"].startswith("host/http://127.0.0.1:")
        assert host["call_id"]
    assert 1 <= failures <= 2


def test_a_denied_model_costs_two_requests_at_most_and_the_client_none(
    four: Pair, upstream: Upstream
) -> None:
    says(upstream, b"sk-less", refused(404, "model_not_found"), b'"gpt-a"')
    assert ask_all(four, b"w/gpt-a") == {200}
    assert 1 <= asked(upstream, b"sk-less") <= 2
    upstream.requests.clear()
    assert ask_all(four, b"w/gpt-b", times=2) == {200}
    assert asked(upstream, b"sk-less") >= 4, "other models of that key are not touched"


def test_a_retry_after_is_found_out_once(four: Pair, upstream: Upstream) -> None:
    says(upstream, b"sk-less", refused(429, "rate_limit_exceeded", (b"retry-after", b"30")), b'"gpt-a"')
    assert ask_all(four, b"w/gpt-a") == {200}
    assert asked(upstream, b"sk-less") == 1


def test_a_worker_that_is_replaced_knows_what_holds(four: Pair, upstream: Upstream) -> None:
    says(upstream, b"sk-less", refused(429, "rate_limit_exceeded", (b"retry-after", b"60")), b'"gpt-a"')
    assert ask_all(four, b"w/gpt-a", times=1) == {200}
    assert asked(upstream, b"sk-less") == 1
    known = set(four.pids)
    os.kill(min(known), signal.SIGKILL)
    until(lambda: len(set(four.pids) - known) == 1 and len(four.pids) == WORKERS)
    (new,) = set(four.pids) - known
    body = b'{"model":"w/gpt-a","messages":[]}'
    for _ in range(3):
        assert four.at(new).request("POST", "/v1/chat/completions", body).status == 200
    assert asked(upstream, b"sk-less") == 1


def test_the_operators_word_on_a_key_holds_in_all_workers(four: Pair, upstream: Upstream) -> None:
    told, *others = four.pids
    layers = answer_of(four.at(told).request("GET", "/admin/layers"))["layers"]
    listed = answer_of(four.at(told).request("GET", "/admin/deployments"))["deployments"]
    (origin,) = [one["origin"] for one in listed if one["deployment_id"] == "dead-0"]
    (key,) = [one["layer"] for one in layers if one["name"].startswith(f"key {origin} at ")]
    answered = answer_of(four.at(told).request("POST", f"/admin/layers/drain/{key}"))
    assert [(one["layer"], one["reason"]) for one in answered["layers"]] == [(key, "draining")]
    for pid in others:
        until(lambda pid=pid: four.state(pid, "dead-3") == ("open", "draining"), 1.0)
    upstream.forget()
    assert ask_all(four, b"m", times=1) == {200}
    assert asked(upstream, b"sk-dead") == 0
    four.at(others[0]).request("POST", f"/admin/layers/revive/{key}")
    until(lambda: four.state(told, "dead-3") == ("closed", ""), 1.0)


FINISHED = Answer(
    200,
    JSON,
    b'{"id":"resp_bg","object":"response","status":"completed","background":true,"model":"m","output":[],'
    b'"usage":{"input_tokens":7,"output_tokens":5,"total_tokens":12}}',
)


def test_a_finished_object_is_counted_by_one_worker(four: Pair, upstream: Upstream) -> None:
    upstream.say(lambda _: FINISHED)  # type: ignore[arg-type]
    for _ in range(2):
        for pid in four.pids:
            assert four.at(pid).request("GET", "/v1/responses/resp_bg").status == 200
    four.gateway.stop()
    lines = [json.loads(line) for line in four.gateway.output.splitlines() if '"/responses"' in line]
    assert len(lines) == 2 * WORKERS
    assert [line["usage"]["total_tokens"] for line in lines if line["usage"]] == [12]
