"""Anthropic behind OpenAI's doors, and OpenAI behind Anthropic's: the official SDKs against a running gateway.

What either upstream is sent is held against the types of its own official package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import anthropic.types.message_create_params as anthropic_params
import openai
import openai.types.chat.completion_create_params as chat_params
import pytest

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer, Framing, RawRequest, error, truncated
from loadtest.anthropic_answers import anthropic_error, as_event
from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import GATEWAY_KEY, RawClient, Upstream
from tests.providers.translation.conftest import CHAT_STREAM, as_chat
from tests.providers.translation.official import misfits

CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: sk-ant-1}
  - model_name: gpt
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: sk-oai-1}
  - model_name: llama
    litellm_params: {model: mistral/llama, api_base: UPSTREAM/v1, api_key: sk-mis-1}
  - model_name: either
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: sk-oai-2}
  - model_name: lenient
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: sk-ant-2, drop_params: true}
  - model_name: set
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: k, mock_response: "as it is set"}
router_settings: {fallbacks: [{either: [claude]}], num_retries: 0}
"""
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "W", "parameters": WEATHER}}
]
CLAUDE_TOOLS: list[Any] = [{"name": "weather", "description": "W", "input_schema": WEATHER}]


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


def sent(upstream: Upstream) -> dict[str, Any]:
    """The last request's body, which its upstream's own types have to take."""
    body: dict[str, Any] = json.loads(upstream.last.body)
    kind = anthropic_params.MessageCreateParamsNonStreaming
    other = chat_params.CompletionCreateParamsNonStreaming
    streamed = body.pop("stream", False)
    assert misfits(body, kind if b"/messages" in upstream.last.target else other) == []
    return {**body, "stream": streamed}


# -- OpenAI's SDK, Claude


def test_a_chat_is_answered_by_claude(oai: openai.OpenAI, upstream: Upstream) -> None:
    said = oai.chat.completions.create(model="claude", messages=[{"role": "system", "content": "S"}, *HELLO])
    assert said.choices[0].message.content == "Hello from Claude."
    assert said.choices[0].finish_reason == "stop"
    assert said.created > 1_700_000_000
    assert said.usage is not None
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.total_tokens) == (25, 9, 34)
    assert said.usage.prompt_tokens_details is not None
    assert said.usage.prompt_tokens_details.cached_tokens == 5
    asked = sent(upstream)
    assert asked["model"] == "claude-sonnet-4-5"
    assert asked["system"] == [{"type": "text", "text": "S"}]
    request = upstream.last
    assert request.target == b"/v1/messages"
    assert request.header(b"x-api-key") == b"sk-ant-1"
    assert request.header(b"authorization") is None
    assert request.header(b"anthropic-version") == b"2023-06-01"


def test_a_stream_with_its_usage(oai: openai.OpenAI, upstream: Upstream) -> None:
    chunks = list(
        oai.chat.completions.create(
            model="claude", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello from Claude."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 25
    assert sent(upstream)["stream"] is True


def test_tools_over_three_turns_with_thoughts(oai: openai.OpenAI, upstream: Upstream) -> None:
    messages: list[Any] = [*HELLO]
    for turn in range(3):
        said = oai.chat.completions.create(
            model="claude", messages=messages, tools=TOOLS, reasoning_effort="low"
        )
        message = said.choices[0].message
        assert message.tool_calls is not None
        assert message.tool_calls[0].function.name == "weather"  # type: ignore[union-attr]
        assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Berlin"}  # type: ignore[union-attr]
        assert said.choices[0].finish_reason == "tool_calls"
        assert message.reasoning_content == "Let me think."  # type: ignore[attr-defined]
        messages.append(message.model_dump())
        messages.append(
            {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": f"{turn} degrees"}
        )
        said = oai.chat.completions.create(
            model="claude", messages=messages, tools=TOOLS, reasoning_effort="low"
        )
        assert said.choices[0].message.content == f"The tool says: {turn} degrees."
        thought = sent(upstream)["messages"][-2]["content"][0]
        assert thought == {"type": "thinking", "thinking": "Let me think.", "signature": "c2lnbmVk"}
        messages += [said.choices[0].message.model_dump(), *HELLO]


def test_the_stream_helper_adds_calls_up(oai: openai.OpenAI) -> None:
    with oai.chat.completions.stream(
        model="claude", messages=HELLO, tools=TOOLS, reasoning_effort="low"
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Berlin"}
    assert message.thinking_blocks[0]["signature"] == "c2lnbmVk"  # type: ignore[attr-defined]


def test_what_claude_has_no_word_for_is_refused_by_name(oai: openai.OpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        oai.chat.completions.create(model="claude", messages=HELLO, seed=3)
    assert (refused.value.param, refused.value.code) == ("seed", "unsupported_parameter")
    assert upstream.requests == []
    assert oai.chat.completions.create(model="lenient", messages=HELLO, seed=3).choices


def test_errors_come_in_openais_shape(oai: openai.OpenAI, upstream: Upstream) -> None:
    upstream.say(anthropic_error(400, "invalid_request_error", "messages: too strange"))
    with pytest.raises(openai.BadRequestError) as wrong:
        oai.chat.completions.create(model="claude", messages=HELLO)
    assert wrong.value.body == {
        "message": "messages: too strange", "type": "invalid_request_error", "param": None, "code": None,
        "request_id": "req_mock",
    }  # fmt: skip


def test_an_overload_is_503_and_says_when_to_come_back(oai: openai.OpenAI, upstream: Upstream) -> None:
    upstream.say(anthropic_error(529, "overloaded_error", "Overloaded"))
    with pytest.raises(openai.InternalServerError) as busy:
        oai.chat.completions.create(model="lenient", messages=HELLO)
    assert busy.value.status_code == 503
    assert int(busy.value.response.headers["retry-after"]) >= 1
    assert busy.value.code == "overloaded"


def test_an_error_in_a_stream_ends_it_without_done(
    gateway: GatewayProcess, upstream: Upstream, connect: Any
) -> None:
    pieces = (
        as_event(
            {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}}
        ),
        as_event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        as_event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "He"}}),
        as_event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    )
    upstream.say(Answer(headers=(SSE_TYPE,), body=pieces, framing=Framing.CHUNKED, gap_s=0.01))
    body = json.dumps({"model": "claude", "messages": HELLO, "stream": True}).encode()
    with connect(gateway) as client:
        answer = client.request("POST", "/v1/chat/completions", body)
    assert b'"content":"He"' in answer.body
    assert b'"type":"overloaded_error"' in answer.body
    assert b"[DONE]" not in answer.body


def test_a_chat_that_fails_at_openai_goes_on_at_claude_with_its_tools(
    oai: openai.OpenAI, upstream: Upstream
) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Berlin"}'},
    }
    messages: list[Any] = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "cold"},
    ]
    upstream.say(error(500))
    said = oai.chat.completions.with_raw_response.create(
        model="either", messages=messages, tools=TOOLS, reasoning_effort="low"
    )
    assert said.parse().choices[0].message.content == "The tool says: cold."
    assert said.headers["x-litellm-attempted-fallbacks"] == "1"
    assert [request.target for request in upstream.requests] == [b"/v1/chat/completions", b"/v1/messages"]
    assert sent(upstream)["messages"][1]["content"][0]["id"] == "call_1"


def test_responses_and_completions_reach_claude(oai: openai.OpenAI, upstream: Upstream) -> None:
    response = oai.responses.create(model="claude", input="Hi", instructions="S")
    assert response.output_text == "Hello from Claude."
    assert response.usage is not None
    assert response.usage.total_tokens == 34
    assert sent(upstream)["system"] == [{"type": "text", "text": "S"}]
    with oai.responses.stream(model="claude", input="Hi") as stream:
        assert stream.get_final_response().output_text == "Hello from Claude."
    assert oai.completions.create(model="claude", prompt="Hi").choices[0].text == "Hello from Claude."


def test_responses_with_tools_over_a_server_that_only_chats(oai: openai.OpenAI, upstream: Upstream) -> None:
    upstream.say(Answer(headers=(SSE_TYPE,), body=as_chat(CHAT_STREAM), framing=Framing.CHUNKED))
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
    with oai.responses.stream(model="llama", input="Hi", tools=tools) as stream:
        response = stream.get_final_response()
    calls = [item for item in response.output if item.type == "function_call"]
    assert [(call.name, call.arguments) for call in calls] == [
        ("weather", '{"city": "Berlin"}'),
        ("now", "{}"),
    ]
    assert upstream.last.target == b"/v1/chat/completions"
    assert "tools" in sent(upstream)


# -- Anthropic's SDK


def test_claude_is_asked_byte_for_byte(gateway: GatewayProcess, upstream: Upstream, connect: Any) -> None:
    body = b'{"model":"claude-sonnet-4-5", "max_tokens":9,\n "messages":[{"role":"user","content":"Hi"}],"new":[1]}'
    with connect(gateway) as client:
        headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "x-2026"}
        answer = client.request(
            "POST", "/v1/messages", body.replace(b"claude-sonnet-4-5", b"claude"), headers=headers
        )
    assert answer.status == 200
    assert upstream.last.body == body
    assert upstream.last.header(b"anthropic-version") == b"2026-10-21"
    assert upstream.last.header(b"anthropic-beta") == b"x-2026"
    assert answer.header(b"request-id") == b"req_mock"
    assert json.loads(answer.body)["usage"]["input_tokens"] == 20


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_either_header_bears_the_gateways_key(
    gateway: GatewayProcess, upstream: Upstream, header: str
) -> None:
    value = GATEWAY_KEY if header == "x-api-key" else f"Bearer {GATEWAY_KEY}"
    client = RawClient(gateway.port, "")
    body = b'{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: g\r\n{header}: {value}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = client.exchange(head.encode() + body)
    client.close()
    assert answer.status == 200
    assert upstream.last.header(b"x-api-key") == b"sk-ant-1"
    assert GATEWAY_KEY.encode() not in upstream.last.head


def test_the_stream_helper_over_claude(ant: anthropic.Anthropic) -> None:
    with ant.messages.stream(model="claude", max_tokens=9, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == "Hello from Claude."
        assert stream.get_final_message().usage.cache_read_input_tokens == 5


def test_a_message_is_answered_by_openai(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    said = ant.messages.create(model="gpt", max_tokens=9, system="S", messages=HELLO)
    assert said.content[0].type == "text"
    assert said.stop_reason == "end_turn"
    asked = sent(upstream)
    assert asked["messages"][0] == {"role": "system", "content": "S"}
    assert asked["max_completion_tokens"] == 9
    assert upstream.last.header(b"authorization") == b"Bearer sk-oai-1"


def called(request: RawRequest) -> Answer | None:
    """An OpenAI that calls the first tool that it is given, and tells what it gave."""
    asked = json.loads(request.body)
    last = asked["messages"][-1]
    message: dict[str, Any] = {"role": "assistant", "content": f"It is {last['content']}."}
    if last["role"] == "user":
        call = {"name": asked["tools"][0]["function"]["name"], "arguments": '{"city":"Berlin"}'}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_9", "type": "function", "function": call}],
        }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if last["role"] == "user" else "stop",
    }
    usage = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5.1",
        "choices": [choice],
        "usage": usage,
    }
    return Answer(headers=(JSON_TYPE,), body=json.dumps(answer).encode())


def test_tools_over_three_turns_at_openai(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    messages: list[Any] = [*HELLO]
    upstream.say(called)  # type: ignore[arg-type]
    for turn in range(3):
        said = ant.messages.create(model="gpt", max_tokens=99, messages=messages, tools=CLAUDE_TOOLS)
        use = said.content[-1]
        assert use.type == "tool_use"
        assert (use.name, use.input, said.stop_reason) == ("weather", {"city": "Berlin"}, "tool_use")
        messages.append({"role": "assistant", "content": said.content})
        result = {
            "type": "tool_result",
            "tool_use_id": use.id,
            "content": [{"type": "text", "text": f"{turn} degrees"}],
        }
        messages.append({"role": "user", "content": [result]})
        said = ant.messages.create(model="gpt", max_tokens=99, messages=messages, tools=CLAUDE_TOOLS)
        assert said.content[0].text == f"It is {turn} degrees."  # type: ignore[union-attr]
        assert sent(upstream)["messages"][-1] == {
            "role": "tool",
            "tool_call_id": "call_9",
            "content": f"{turn} degrees",
        }
        messages += [{"role": "assistant", "content": said.content}, *HELLO]


def test_a_stream_of_openais_by_anthropics_helper(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.say(Answer(headers=(SSE_TYPE,), body=as_chat(CHAT_STREAM), framing=Framing.CHUNKED))
    with ant.messages.stream(model="gpt", max_tokens=99, messages=HELLO, tools=CLAUDE_TOOLS) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert message.content[2].input == {"city": "Berlin"}  # type: ignore[union-attr]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (25, 89)
    assert sent(upstream)["stream_options"] == {"include_usage": True}


async def test_the_asynchronous_client(gateway: GatewayProcess, upstream: Upstream) -> None:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=GATEWAY_KEY, max_retries=0) as sdk:
        for model in ("claude", "gpt"):
            said = await sdk.messages.create(model=model, max_tokens=9, messages=HELLO)
            assert said.content[0].type == "text"
            async with sdk.messages.stream(model=model, max_tokens=9, messages=HELLO) as stream:
                assert (await stream.get_final_message()).stop_reason == "end_turn"


def test_tokens_are_counted(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    assert ant.messages.count_tokens(model="claude", messages=HELLO).input_tokens == 42
    assert upstream.last.target == b"/v1/messages/count_tokens"
    upstream.forget()
    short = ant.messages.count_tokens(model="gpt", messages=HELLO).input_tokens
    long = ant.messages.count_tokens(
        model="gpt", messages=[{"role": "user", "content": "word " * 1000}]
    ).input_tokens
    assert 1 <= short < 40 < 900 < long < 2000
    assert upstream.requests == []


def test_a_set_answer_is_given_in_either_language(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    said = ant.messages.create(model="set", max_tokens=9, messages=HELLO)
    assert said.content[0].text == "as it is set"  # type: ignore[union-attr]
    with ant.messages.stream(model="set", max_tokens=9, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == "as it is set"
        assert stream.get_final_message().stop_reason == "end_turn"
    assert upstream.requests == []


def test_errors_come_in_anthropics_shape(ant: anthropic.Anthropic, upstream: Upstream) -> None:
    upstream.say(error(400))
    with pytest.raises(anthropic.BadRequestError) as wrong:
        ant.messages.create(model="gpt", max_tokens=9, messages=HELLO)
    assert wrong.value.body == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "mock error"},
    }


def test_the_gateways_own_errors_too(ant: anthropic.Anthropic, gateway: GatewayProcess) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        ant.messages.create(model="nobody", max_tokens=9, messages=HELLO)
    body: Any = unknown.value.body
    assert (body["type"], body["error"]["type"], body["error"]["code"]) == (
        "error",
        "not_found_error",
        "model_not_found",
    )
    stranger = anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0)
    with stranger, pytest.raises(anthropic.AuthenticationError) as refused:
        stranger.messages.create(model="claude", max_tokens=9, messages=HELLO)
    body = refused.value.body
    assert body["error"]["type"] == "authentication_error"
    with pytest.raises(anthropic.BadRequestError) as unsaid:
        ant.messages.create(model="gpt", max_tokens=9, messages=HELLO, extra_body={"top_k": 3})
    body = unsaid.value.body
    assert body["error"]["param"] == "top_k"


def test_a_stream_that_breaks_off_says_so_in_anthropics_words(
    gateway: GatewayProcess, ant: anthropic.Anthropic, upstream: Upstream
) -> None:
    pieces = tuple(as_chat([each], done=False) for each in CHAT_STREAM[:4])
    whole = Answer(headers=(SSE_TYPE,), body=pieces, framing=Framing.CHUNKED)
    upstream.say(truncated(sum(map(len, pieces)), whole))
    kinds: list[str] = []
    events = ant.messages.create(model="gpt", max_tokens=9, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError) as broke:
        kinds.extend(event.type for event in events)
    assert kinds[0] == "message_start"
    assert {"message_delta", "message_stop"}.isdisjoint(kinds)
    body: Any = broke.value.body
    assert (body["error"]["type"], body["error"]["code"]) == ("api_error", "stream_broken")


def test_a_conversation_goes_on_from_an_answer(
    oai: openai.OpenAI, gateway: GatewayProcess, upstream: Upstream
) -> None:
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
    asked: dict[str, Any] = {"model": "claude", "tools": tools, "reasoning": {"effort": "low"}}
    first = oai.responses.create(input="How is the weather?", **asked)
    call = first.output[-1]
    assert call.type == "function_call"
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "cold"}
    second = oai.responses.create(previous_response_id=first.id, input=[output], **asked)
    assert second.output_text == "The tool says: cold."
    assert second.previous_response_id == first.id
    user, assistant, result = sent(upstream)["messages"]
    assert user["content"] == [{"type": "text", "text": "How is the weather?"}]
    assert [block["type"] for block in assistant["content"]] == ["thinking", "tool_use"]
    assert result["content"][0]["tool_use_id"] == call.call_id
    with oai.responses.stream(previous_response_id=second.id, input="And?", model="claude") as stream:
        third = stream.get_final_response()
    assert len(sent(upstream)["messages"]) == 5
    unkept = oai.responses.create(model="claude", input="Hi", store=False)
    for id_ in (unkept.id, "resp_unknown"):
        with pytest.raises(openai.BadRequestError) as unknown:
            oai.responses.create(model="claude", previous_response_id=id_, input="And?")
        assert unknown.value.code == "previous_response_not_found"
    assert third.id not in (first.id, second.id)


# -- lists of models


def test_anthropics_sdk_lists_the_models_page_by_page(ant: anthropic.Anthropic) -> None:
    first = ant.models.list(limit=2)
    assert ([each.id for each in first.data], first.has_more) == (["claude", "gpt"], True)
    assert [each.id for each in ant.models.list(limit=2)] == [
        "claude",
        "gpt",
        "llama",
        "either",
        "lenient",
        "set",
    ]
    claude = ant.models.retrieve("claude")
    assert (claude.type, claude.display_name, claude.max_input_tokens, claude.max_tokens) == (
        "model", "claude", 200_000, 64_000
    )  # fmt: skip
    with pytest.raises(anthropic.NotFoundError) as missing:
        ant.models.retrieve("nope")
    assert isinstance(missing.value.body, dict)
    assert missing.value.body["error"]["type"] == "not_found_error"


def test_openais_sdk_lists_them_with_what_is_known(oai: openai.OpenAI) -> None:
    models = {model.id: model.model_extra or {} for model in oai.models.list()}
    assert models["gpt"]["providers"] == ["openai"]
    assert models["claude"]["mode"] == "chat"
    assert models["claude"]["input_cost_per_token"] == 3e-06
    assert "vision" in models["claude"]["supports"]
    assert oai.models.retrieve("claude").model_extra == models["claude"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/nope"])
def test_paths_of_anthropics_that_are_none_are_told_in_its_words(
    connect: Any, gateway: GatewayProcess, path: str
) -> None:
    with connect(gateway) as client:
        answer = client.request("GET", path)
    assert (answer.status in (404, 405), json.loads(answer.body)["type"]) == (True, "error")
