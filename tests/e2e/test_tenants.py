"""Tenants of one gateway, some of them hostile: each has its own, in every language and at every door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from loadtest.answers import LAST_CHUNK, SSE_TYPE, Answer, Fault, Framing, error
from loadtest.anthropic_answers import as_event
from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import GATEWAY_KEY, Upstream
from tests.e2e.test_tenancy import as_
from tests.e2e.test_virtual_keys import Litellm

CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: sk-ant-1}
  - model_name: gpt
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: sk-oai-1}
  - model_name: either
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: sk-oai-2}
  - model_name: gemini
    litellm_params: {model: gemini/gemini-2.5-pro, api_base: UPSTREAM/v1beta/openai, api_key: k-gem}
router_settings: {fallbacks: [{either: [claude]}], num_retries: 0}
"""


@pytest.fixture(scope="module")
def gateway(start: Any) -> Iterator[GatewayProcess]:
    with start(CONFIG) as running:
        yield running


@pytest.fixture
def litellm(gateway: GatewayProcess) -> Litellm:
    return Litellm(gateway.url)


def ask(gateway: GatewayProcess, key: str, method: str, path: str, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
    return httpx.request(method, gateway.url + path, headers=headers, timeout=30, **more)


def test_a_teams_keys_go_on_from_each_others_answers(
    gateway: GatewayProcess, litellm: Litellm, upstream: Upstream
) -> None:
    """Of an upstream that keeps none itself."""
    litellm.post("/team/new", team_id="speakers")
    one, mate = (litellm.post("/key/generate", team_id="speakers")["key"] for _ in range(2))
    other = litellm.post("/key/generate")["key"]
    with as_(gateway, one) as mine, as_(gateway, mate) as mates, as_(gateway, other) as others:
        first = mine.responses.create(model="claude", input="My word is xyzzy.")
        assert mates.responses.create(model="claude", input="Which?", previous_response_id=first.id).id
        said = json.loads(upstream.last.body)["messages"]
        assert "xyzzy" in json.dumps(said[0])
        with pytest.raises(openai.BadRequestError) as unknown:
            others.responses.create(model="claude", input="Which?", previous_response_id=first.id)
        assert unknown.value.code == "previous_response_not_found"


BATCH = "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d"
GOOGLES = "files/7hkn3rpoqkbh"


@pytest.mark.parametrize(
    ("made_at", "made", "reads", "posts"),
    [
        (
            "/anthropic/v1/messages/batches",
            {"id": BATCH, "type": "message_batch"},
            [f"/anthropic/v1/messages/batches/{BATCH}", f"/anthropic/v1//messages/batches/{BATCH}/results"],
            [f"/anthropic/v1/messages/batches/{BATCH}/cancel"],
        ),
        (
            "/gemini/upload/v1beta/files",
            {"file": {"name": GOOGLES, "uri": f"https://g.test/v1beta/{GOOGLES}"}},
            [f"/gemini/v1beta/{GOOGLES}", f"/gemini/v1beta/{GOOGLES.replace('h', '%68')}"],
            [],
        ),
    ],
    ids=["anthropic", "gemini"],
)
def test_objects_on_a_providers_own_api_are_their_makers(
    gateway: GatewayProcess,
    litellm: Litellm,
    upstream: Upstream,
    made_at: str,
    made: dict[str, Any],
    reads: list[str],
    posts: list[str],
) -> None:
    mine, other = (litellm.post("/key/generate")["key"] for _ in range(2))
    unknown = ask(gateway, other, "GET", reads[0])
    assert unknown.status_code == 404
    upstream.say(Answer(body=json.dumps(made).encode()))
    assert ask(gateway, mine, "POST", made_at, json={"requests": []}).status_code == 200
    upstream.forget()
    for path in reads:
        for method in ("GET", "DELETE"):
            refused = ask(gateway, other, method, path)
            assert refused.status_code == 404, refused.text
    for path in posts:
        assert ask(gateway, other, "POST", path).status_code == 404
    body = {"contents": [{"parts": [{"file_data": {"file_uri": f"https://g.test/v1beta/{GOOGLES}"}}]}]}
    if "gemini" in made_at:
        generated = "/gemini/v1beta/models/gemini-2.5-pro:generateContent"
        assert ask(gateway, other, "POST", generated, json=body).status_code == 404
        assert ask(gateway, mine, "POST", generated, json=body).status_code == 200
    upstream.forget()
    lists = ask(gateway, other, "GET", made_at)
    assert (lists.status_code, upstream.requests) == (403, [])
    for path in (*reads[:1], *posts):
        upstream.say(Answer(body=b"{}"))
        assert ask(gateway, mine, "POST" if path in posts else "GET", path).status_code == 200
    assert ask(gateway, GATEWAY_KEY, "GET", made_at).status_code == 200


def test_a_list_of_models_holds_on_a_providers_own_api(
    gateway: GatewayProcess, litellm: Litellm, upstream: Upstream
) -> None:
    key = litellm.post("/key/generate", models=["gpt", "gemini/gemini-2.5-flash"])["key"]
    for path in (
        "/gemini/v1beta/models/gemini-2.5-pro:generateContent",
        "/gemini/v1beta/models%2Fgemini-2.5-pro:generateContent",
        "/gemini/v1beta//models//gemini-2.5-pro:generateContent",
        "/gemini/v1beta/tunedModels/gemini-2.5-pro:generateContent",
        "/gemini/v1beta/somewhere:generateContent",
        "/anthropic/v1/messages",
    ):
        refused = ask(gateway, key, "POST", path, json={"model": "claude-x"} if "messages" in path else {})
        assert refused.status_code == 403, path
    assert upstream.requests == []
    allowed = ask(gateway, key, "POST", "/gemini/v1beta/models/gemini-2.5-flash:generateContent", json={})
    assert allowed.status_code == 200


def test_no_key_is_made_of_the_master_key(gateway: GatewayProcess, litellm: Litellm) -> None:
    key = litellm.post("/key/generate")["key"]
    for path, body in (
        ("/key/generate", {"key": GATEWAY_KEY}),
        ("/key/regenerate", {"key": key, "new_key": GATEWAY_KEY}),
    ):
        refused = ask(gateway, GATEWAY_KEY, "POST", path, json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "already_exists")


def test_what_a_client_has_for_one_provider_no_other_gets(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    """Nor does a credential of its own go anywhere."""
    upstream.say(error(500))
    body = {
        "model": "either",
        "messages": [{"role": "user", "content": "Hi"}],
        "api_key": "sk-their-secret",
        "base_url": "http://their-secret.test",
    }
    headers = {"OpenAI-Organization": "org-their-secret", "OpenAI-Project": "proj-x"}
    answer = ask(gateway, GATEWAY_KEY, "POST", "/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200
    first, second = upstream.requests
    assert first.header(b"openai-organization") == b"org-their-secret"
    assert (second.header(b"openai-organization"), second.header(b"openai-project")) == (None, None)
    assert second.target == b"/v1/messages"
    for request in (first, second):
        assert b"their-secret" not in request.body


WORDS = 40
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}}
BEGUN = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 25, "output_tokens": 1}},
}
CHUNK = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("model", "events"),
    [("claude", (as_event(BEGUN), *[as_event(DELTA)] * WORDS)), ("gpt", (CHUNK,) * WORDS)],
    ids=["claude", "gpt"],
)
def test_who_leaves_before_the_bill_pays_for_what_was_made(
    gateway: GatewayProcess,
    litellm: Litellm,
    upstream: Upstream,
    path: str,
    model: str,
    events: tuple[bytes, ...],
) -> None:
    """Though the upstream says what a stream used only at its end."""
    key = litellm.post("/key/generate", key_alias=f"left {path} {model}")["key"]
    answer = Answer(headers=(SSE_TYPE,), body=events, framing=Framing.CHUNKED)
    size = sum(map(len, answer.writes())) - len(LAST_CHUNK)
    upstream.say(replace(answer, fault=Fault.STALL, fault_at=size))
    body = {"model": model, "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.stream("POST", gateway.url + path, headers=headers, json=body, timeout=30) as stream:
        heard = 0
        for line in stream.iter_lines():
            heard += "word" in line
            if heard == WORDS:
                break
    record = record_of(gateway, f"left {path} {model}")
    assert record["outcome"] == "client_gone"
    assert record["estimated"]
    assert WORDS - 3 <= record["usage"]["output_tokens"] <= WORDS + 3
    if model == "claude":
        assert record["usage"]["input_tokens"] == 25


def record_of(gateway: GatewayProcess, alias: str) -> dict[str, Any]:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        for line in gateway.output.splitlines():
            if f'"key_alias":"{alias}"' in line and '"event":"request"' in line:
                return dict(json.loads(line))
        time.sleep(0.05)
    raise AssertionError("no record came")


@pytest.mark.parametrize(
    "body",
    [
        '{"model":"gpt","input":"a","previous_response_id":"resp_x","previous_response_id":"resp_y"}',
        '{"model":"gpt","input":[{"type":"input_file","file_id":"a_b","file_id":"c_d"}]}',
        '{"model":"gpt","input":[{"type":"input_file","file\\u005fid":"a_b"}]}',  # as JSON has it
    ],
)
def test_an_object_is_named_once(
    gateway: GatewayProcess, litellm: Litellm, upstream: Upstream, body: str
) -> None:
    key = litellm.post("/key/generate")["key"]
    answer = ask(gateway, key, "POST", "/v1/responses", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "duplicate_key")
    query = ask(gateway, key, "GET", "/v1/files?after=file-a&after=file-b")
    assert (query.status_code, query.json()["error"]["code"]) == (400, "duplicate_key")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "kind"),
    [
        ("GET", "/v1/messages", GATEWAY_KEY, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", GATEWAY_KEY, 404, "not_found_error"),
        ("POST", "/messages/batches", GATEWAY_KEY, 404, "not_found_error"),
        ("POST", "/v1/messages", "sk-wrong", 401, "authentication_error"),
        ("POST", "/anthropic/v1/messages/batches", "sk-wrong", 401, "authentication_error"),
        ("POST", "/v1/messages", GATEWAY_KEY, 400, "invalid_request_error"),
    ],
)
def test_anthropics_clients_are_refused_in_their_words(
    gateway: GatewayProcess, method: str, path: str, key: str, status: int, kind: str
) -> None:
    answer = ask(gateway, key, method, path)
    told = answer.json()
    assert answer.status_code == status
    assert (told["type"], told["error"]["type"]) == ("error", kind)
