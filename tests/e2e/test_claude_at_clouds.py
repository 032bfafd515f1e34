"""Claude at Bedrock and Vertex, from both SDKs: envelopes, binary streams, their errors, signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import anthropic
import openai
import pytest

from loadtest.answers import JSON_TYPE, Answer, Framing
from loadtest.aws_frames import chunk, exception, frame
from loadtest.claude_at_clouds import AWS_STREAM
from loadtest.gateway_process import GatewayProcess
from proxy.providers.sigv4 import signature
from proxy.types import Secret, SigningKey
from tests.e2e.conftest import GATEWAY_KEY, RawClient, Upstream

CONFIG = """
model_list:
  - model_name: bedrock
    litellm_params:
      {model: "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", api_base: UPSTREAM, api_key: bedrock-key}
  - model_name: signed
    litellm_params:
      model: bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0
      api_base: UPSTREAM
      aws_access_key_id: AKID
      aws_secret_access_key: SECRET
      aws_region_name: eu-west-1
  - model_name: vertex
    litellm_params:
      {model: vertex_ai/claude-sonnet-4-5@20250929, api_base: UPSTREAM, vertex_project: p, api_key: token}
  - {model_name: mantle, litellm_params: {model: bedrock_mantle/anthropic.claude-x, api_base: UPSTREAM, api_key: k}}
  - model_name: failing
    litellm_params: {model: bedrock/anthropic.claude-y, api_base: UPSTREAM, api_key: bedrock-key-2}
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM/v1, api_key: k}}
  - model_name: probing
    litellm_params: {model: bedrock/anthropic.claude-z, api_base: UPSTREAM, api_key: k3, stream_mode: probe}
router_settings: {num_retries: 0, fallbacks: [{failing: [gpt]}, {probing: [gpt]}]}
"""
CLOUDS = ["bedrock", "signed", "vertex", "mantle"]
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
START = {
    "type": "message_start",
    "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
    },
}  # fmt: skip
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
WORD = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Well"}}


@pytest.fixture(scope="module")
def gateway(start: Any) -> Iterator[GatewayProcess]:
    with start(CONFIG) as running:
        yield running


@pytest.fixture
def oai(gateway: GatewayProcess, upstream: Upstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=GATEWAY_KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def ant(gateway: GatewayProcess, upstream: Upstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=GATEWAY_KEY, max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("model", CLOUDS)
def test_openais_sdk(oai: openai.OpenAI, upstream: Upstream, model: str) -> None:
    answer = oai.chat.completions.create(model=model, messages=HELLO)
    assert answer.choices[0].message.content == "Hello from Claude."
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (25, 9)
    stream = oai.chat.completions.create(
        model=model, messages=HELLO, tools=TOOLS, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert calls[0].function is not None
    assert calls[0].function.name == "weather"
    assert json.loads("".join(call.function.arguments or "" for call in calls if call.function)) == {
        "city": "Berlin"
    }
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 9


@pytest.mark.parametrize("model", CLOUDS)
def test_anthropics_sdk(ant: anthropic.Anthropic, upstream: Upstream, model: str) -> None:
    asked: dict[str, Any] = {"model": model, "max_tokens": 99, "messages": HELLO}
    message = ant.messages.create(**asked)
    assert (message.content[0].type, message.stop_reason) == ("text", "end_turn")
    with ant.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == "Hello from Claude."
        assert stream.get_final_message().usage.output_tokens == 9
    assert ant.messages.count_tokens(model=model, messages=HELLO).input_tokens == 42


def test_what_its_client_tries_out_is_said_in_the_body(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,advanced-tool-use-2025-11-20"
    ant.beta.messages.create(
        model="bedrock", max_tokens=9, messages=HELLO, extra_headers={"anthropic-beta": betas}
    )
    assert json.loads(upstream.last.body)["anthropic_beta"] == [
        "interleaved-thinking-2025-05-14",
        "tool-search-tool-2025-10-19",
    ]
    assert upstream.last.target.endswith(b"/invoke")


def test_a_request_is_signed(oai: openai.OpenAI, upstream: Upstream) -> None:
    oai.chat.completions.create(model="signed", messages=HELLO)
    sent = upstream.last
    assert sent.target == b"/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"
    stamp = (sent.header(b"x-amz-date") or b"").decode()
    now_unix = datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
    key = SigningKey(access_key="AKID", secret=Secret("SECRET"), region="eu-west-1", service="bedrock")
    host = sent.header(b"host") or b""
    assert (b"Authorization", sent.header(b"authorization")) in signature(
        key, b"POST", host, sent.target, sent.body, now_unix
    )


def test_pictures_at_an_address_are_refused_by_name(oai: openai.OpenAI, upstream: Upstream) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/p.png"}}
    messages: list[Any] = [{"role": "user", "content": [part]}]
    with pytest.raises(openai.BadRequestError) as refused:
        oai.chat.completions.create(model="vertex", messages=messages)
    assert refused.value.param == "messages[0].content[0].image_url.url"
    assert not upstream.requests


@pytest.mark.parametrize(
    ("status", "body", "openais", "anthropics"),
    [
        (400, {"message": "too strange"}, "too strange", "invalid_request_error"),
        (403, {"Message": "Not yours"}, "The upstream answered 403.", "permission_error"),
        (429, {"message": "Too many tokens"}, "Too many tokens", "rate_limit_error"),
        (404, {"error": {"code": 404, "message": "No model", "status": "NOT_FOUND"}}, "No model", "not_found_error"),
        (500, {"type": "error", "error": {"type": "api_error", "message": "Oh"}}, "Oh", "api_error"),
    ],
)  # fmt: skip
def test_errors_in_the_clients_words(
    oai: openai.OpenAI, ant: anthropic.Anthropic, upstream: Upstream, gateway: GatewayProcess,
    status: int, body: Any, openais: str, anthropics: str,
) -> None:  # fmt: skip
    said = Answer(status, (JSON_TYPE,), json.dumps(body).encode())
    upstream.say(said)
    with pytest.raises(openai.APIStatusError) as wrong:
        oai.chat.completions.create(model="bedrock", messages=HELLO)
    assert (wrong.value.status_code, wrong.value.body["message"]) == (status, openais)  # type: ignore[index]
    revive(gateway)
    upstream.say(said)
    with pytest.raises(anthropic.APIStatusError) as told:
        ant.messages.create(model="bedrock", max_tokens=9, messages=HELLO)
    assert told.value.body["error"]["type"] == anthropics  # type: ignore[index]
    revive(gateway)


def revive(gateway: GatewayProcess) -> None:
    """What an error made rest."""
    client = RawClient(gateway.port, GATEWAY_KEY)
    for each in json.loads(client.request("GET", "/model/info").body)["data"]:
        client.request("POST", f"/admin/deployments/revive/{each['model_info']['id']}")
        for layer in each["model_info"]["layers"]:
            client.request("POST", f"/admin/layers/revive/{layer['layer']}")
    client.close()


def test_an_exception_before_the_first_word_goes_elsewhere(oai: openai.OpenAI, upstream: Upstream) -> None:
    upstream.say(Answer(headers=(AWS_STREAM,), body=exception("throttlingException", "Too fast")))
    stream = oai.chat.completions.create(model="probing", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert upstream.last.target == b"/v1/chat/completions"


def told(sdk: openai.OpenAI, upstream: Upstream, heard: list[str], *frames: bytes) -> None:
    """A stream of these frames, by OpenAI's SDK."""
    upstream.say(Answer(headers=(AWS_STREAM,), body=frames, framing=Framing.CHUNKED))
    for part in sdk.chat.completions.create(model="signed", messages=HELLO, stream=True):
        heard += [choice.delta.content or "" for choice in part.choices]


TORN = (chunk(WORD)[:-3], chunk(WORD)[:-1] + b"!", frame({":event-type": "chunk"}, b'{"bytes":"?"}'))


@pytest.mark.parametrize("last", [exception("modelStreamErrorException", "It fell"), *TORN])
def test_a_stream_that_fails_in_its_midst_is_never_whole(
    oai: openai.OpenAI, upstream: Upstream, last: bytes
) -> None:
    heard: list[str] = []
    words = "It fell" if b"It fell" in last else "upstream"
    with pytest.raises(openai.APIError, match=words):
        told(oai, upstream, heard, chunk(START), chunk(TEXT), chunk(WORD), last)
    assert "".join(heard) in ("Well", "")  # what comes in one read with nonsense is not told any more


def test_a_chat_that_bedrock_fails_is_answered_elsewhere(oai: openai.OpenAI, upstream: Upstream) -> None:
    upstream.say(Answer(503, (JSON_TYPE,), b'{"message":"Bedrock is unable to process your request."}'))
    assert oai.chat.completions.create(model="failing", messages=HELLO).choices
    assert [each.target for each in upstream.requests] == [
        b"/model/anthropic.claude-y/invoke",
        b"/v1/chat/completions",
    ]
