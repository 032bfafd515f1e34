from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio

from proxy.simulator.app import Simulator

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def test_an_answer_carries_the_headers_of_the_real_api(http: httpx.Client) -> None:
    headers = http.get("/v1/models").headers
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["openai-version"] == "2020-10-01"
    for name in ("limit", "remaining", "reset"):
        assert f"x-ratelimit-{name}-requests" in headers
        assert f"x-ratelimit-{name}-tokens" in headers


@pytest.mark.parametrize("authorization", ["", "Basic sk-sim-1", "Bearer sk-real-1", "Bearer"])
def test_a_missing_or_wrong_key_is_a_401_in_openai_shape(http: httpx.Client, authorization: str) -> None:
    answer = http.get("/v1/models", headers={"authorization": authorization})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["code"] == "invalid_api_key"
    assert "sk-real-1" not in error["message"]


def test_an_unknown_path_is_a_404_that_names_it(http: httpx.Client) -> None:
    answer = http.post("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Invalid URL (POST /v1/nothing)"


def test_a_wrong_method_is_a_405_that_tells_the_right_ones(http: httpx.Client) -> None:
    answer = http.put("/v1/files")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_head_is_get_without_the_body(http: httpx.Client) -> None:
    got, head = http.get("/v1/models"), http.head("/v1/models")
    assert head.status_code == 200
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.content == b""


def test_options_tells_the_methods_and_needs_no_key(simulator_url: str) -> None:
    answer = httpx.options(f"{simulator_url}/v1/chat/completions")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"\xff", None),
        (b"[]", None),
        (b'{"messages": []}', "model"),
        (b'{"model": "gpt-4o"}', "messages"),
        (b'{"model": "gpt-4o", "messages": [{}]}', "messages[0].role"),
        (b'{"model": "gpt-4o", "messages": []}', "messages"),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_parameter(
    http: httpx.Client, body: bytes, param: str | None
) -> None:
    answer = http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_body_over_the_limit_is_a_413() -> None:
    sent = trio.run(_talk, Simulator(body_limit_bytes=10), b"x" * 11)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(("prefixes", "status"), [(("",), 200), (("sk-team-",), 200), (("sk-other-",), 401)])
def test_which_keys_are_let_in_can_be_chosen(prefixes: tuple[str, ...], status: int) -> None:
    sent = trio.run(_talk, Simulator(key_prefixes=prefixes), b"{}", "/v1/models", "GET")
    assert sent[0]["status"] == status


async def test_a_stream_keeps_its_pace(autojump_clock: trio.testing.MockClock) -> None:
    started = trio.current_time()
    sent = await _talk(Simulator(pace_s=0.5, key_prefixes=("",)), _streamed())
    events = [message for message in sent[1:] if message["body"]]
    assert len(events) > 10
    assert trio.current_time() - started == pytest.approx(0.5 * (len(events) - 1)), "its end comes at once"


async def test_a_stream_stops_when_the_client_leaves(autojump_clock: trio.testing.MockClock) -> None:
    simulator = Simulator(pace_s=1.0, key_prefixes=("",))
    sent = await _talk(simulator, _streamed(), gone_after_s=2.5)
    assert [message["type"] for message in sent] == ["http.response.start"] + 3 * ["http.response.body"]
    assert trio.current_time() == pytest.approx(2.5, abs=0.01)


def _streamed() -> bytes:
    return b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hello there"}]}'


async def _talk(
    app: Simulator,
    body: bytes,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    gone_after_s: float = 1e6,
) -> list[Any]:
    """One request straight into the ASGI app; what it sent."""
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await trio.sleep(gone_after_s)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer sk-team-1")]
    scope: Any = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    return sent
