"""The operator's word over real sockets: what one worker is told, both do, and one that comes later."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import TIMEOUT_S, RawAnswer, RawClient, Upstream

WITHIN_S = 1.0
"""What is promised for a worker that was not told itself."""
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/one, api_base: UPSTREAM/v1, api_key: sk-one}
    model_info: {id: "eu west/key é"}
  - model_name: m
    litellm_params: {model: openai/two, api_base: UPSTREAM/v1, api_key: sk-two}
    model_info: {id: b}
"""
AWKWARD = "eu%20west%2Fkey%20%C3%A9"
CHAT = b'{"model":"m","messages":[]}'


class Pair:
    """Two workers. Who accepts a connection is the kernel's choice: `at` stops the other meanwhile."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self._clients: dict[int, RawClient] = {}

    @property
    def pids(self) -> list[int]:
        pid = self.gateway.process.pid
        return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def at(self, pid: int) -> RawClient:
        """A connection to this worker."""
        if pid not in self._clients:
            client = RawClient(self.gateway.port, self.gateway.key or "")
            with stopped([other for other in self.pids if other != pid]):
                assert client.request("GET", "/health/liveliness").status == 200
            self._clients[pid] = client
        return self._clients[pid]

    def state(self, pid: int, deployment_id: str) -> tuple[str, str]:
        listed = answer_of(self.at(pid).request("GET", "/admin/deployments"))
        return next(
            (one["state"], one["reason"])
            for one in listed["deployments"]
            if one["deployment_id"] == deployment_id
        )

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def answer_of(answer: RawAnswer) -> dict:
    assert answer.status == 200, answer
    return msgspec.json.decode(answer.body)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def pair(start) -> Iterator[Pair]:
    with start(CONFIG, ["--num_workers", "2"]) as gateway:
        found = Pair(gateway)
        yield found
        found.close()


@pytest.fixture
def lone(start) -> Iterator[RawClient]:
    with start(CONFIG) as gateway:
        client = RawClient(gateway.port, gateway.key)
        yield client
        client.close()


def until(true: Callable[[], object], within_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_each_page_names_the_worker_that_answers(pair: Pair) -> None:
    for path in ("/health", "/model/info", "/v1/model/info", "/admin/deployments"):
        assert {answer_of(pair.at(pid).request("GET", path))["worker"] for pid in pair.pids} == {1, 2}


def test_what_one_worker_is_told_the_other_does_too(pair: Pair, upstream: Upstream) -> None:
    told, other = pair.pids
    assert pair.state(other, "b") == ("closed", "")
    answered = answer_of(pair.at(told).request("POST", "/admin/deployments/drain/b"))
    assert [(one["deployment_id"], one["reason"]) for one in answered["deployments"]] == [("b", "draining")]
    until(lambda: pair.state(other, "b") == ("open", "draining"), WITHIN_S)
    upstream.forget()
    for pid in (told, other):
        for _ in range(4):
            assert pair.at(pid).request("POST", "/v1/chat/completions", CHAT).status == 200
    assert {request.header(b"authorization") for request in upstream.requests} == {b"Bearer sk-one"}
    pair.at(other).request("POST", "/admin/deployments/revive/b")
    until(lambda: pair.state(told, "b") == ("closed", ""), WITHIN_S)


def test_an_id_of_any_letters_and_a_bench_that_ends(pair: Pair) -> None:
    told, other = pair.pids
    answered = answer_of(pair.at(told).request("POST", f"/admin/deployments/bench/{AWKWARD}?seconds=1.5"))
    (one,) = answered["deployments"]
    assert (one["deployment_id"], one["reason"]) == ("eu west/key é", "operator")
    assert 0 < one["until_s"] <= 1.5
    assert one["until"].endswith("Z")
    until(lambda: pair.state(other, "eu west/key é") == ("open", "operator"), WITHIN_S)
    for pid in (told, other):
        until(lambda pid=pid: pair.state(pid, "eu west/key é") == ("closed", ""))


def test_a_worker_that_is_replaced_knows_what_was_said(pair: Pair) -> None:
    told, other = pair.pids
    pair.at(told).request("POST", f"/admin/deployments/bench/{AWKWARD}")
    until(lambda: pair.state(other, "eu west/key é") == ("open", "operator"), WITHIN_S)
    os.kill(told, signal.SIGKILL)
    until(lambda: len(set(pair.pids) - {told}) == 2)
    (new,) = set(pair.pids) - {told, other}
    assert pair.state(new, "eu west/key é") == ("open", "operator")
    assert answer_of(pair.at(new).request("GET", "/health"))["worker"] in (1, 2)


def test_a_reload_keeps_what_was_said_also_of_what_was_away_meanwhile(pair: Pair) -> None:
    path = Path(pair.gateway.process.args[-1])
    both = path.read_text()
    told, other = pair.pids
    pair.at(told).request("POST", "/admin/deployments/drain/b")
    without_b = both[: both.rindex("  - model_name")]
    for text, there in ((without_b, False), (both, True)):
        path.write_text(text)
        pair.gateway.process.send_signal(signal.SIGHUP)
        for pid in (told, other):
            until(lambda pid=pid, there=there: ("b" in ids(pair.at(pid))) is there)
    for pid in (told, other):
        assert pair.state(pid, "b") == ("open", "draining")


def ids(client: RawClient) -> set[str]:
    listed = answer_of(client.request("GET", "/v1/model/info"))
    return {one["model_info"]["id"] for one in listed["data"]}


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("POST", "/admin/deployments/bench/nobody", 404, "deployment_not_found"),
        ("POST", "/admin/deployments/bench/b?seconds=soon", 400, "invalid_value"),
        ("GET", "/admin/deployments/bench/b", 405, "method_not_supported"),
        ("DELETE", "/admin/deployments", 405, "method_not_supported"),
        ("POST", "/admin/deployments/explode/b", 404, "unknown_url"),
        ("POST", "/admin/deployments/bench/", 404, "unknown_url"),
    ],
)
def test_wrong_calls_have_openais_errors(
    lone: RawClient, method: str, target: str, status: int, code: str
) -> None:
    answer = lone.request(method, target)
    assert (answer.status, answer.error["code"]) == (status, code)
    allowed = {("GET", 405): b"POST", ("DELETE", 405): b"GET, HEAD"}.get((method, status))
    assert answer.header(b"allow") == allowed


def test_a_call_may_have_a_body_and_the_connection_goes_on(lone: RawClient) -> None:
    for word in ("bench", "revive"):
        assert lone.request("POST", f"/admin/deployments/{word}/b", b'{"why": "maintenance"}').status == 200
    health = answer_of(lone.request("GET", "/health"))
    assert health["healthy_count"] == 2


@pytest.mark.parametrize("target", ["/admin/deployments", "/admin/deployments/bench/b", "/model/info"])
def test_without_the_key_nothing_is_told(lone: RawClient, target: str) -> None:
    method = "POST" if "bench" in target else "GET"
    answer = lone.exchange(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


def test_where_there_is_no_master_key_nobody_is_an_operator(start) -> None:
    with start(CONFIG, LITELLM_MASTER_KEY="") as gateway:
        client = RawClient(gateway.port, "sk-anything-at-all")
        for method, target in (("POST", "/admin/deployments/drain/b"), ("GET", "/admin/deployments")):
            answer = client.request(method, target)
            assert (answer.status, answer.error["code"]) == (403, "master_key_needed")
        assert answer_of(client.request("GET", "/health"))["healthy_count"] == 2
        client.close()


def test_no_page_shows_a_key(lone: RawClient) -> None:
    for path in ("/health", "/model/info", "/v1/model/info", "/admin/deployments", "/openapi.json"):
        body = lone.request("GET", path).body
        assert b"sk-one" not in body
        assert b"sk-gateway" not in body
