"""Requests in the other language: what they become, by the official packages' types, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import anthropic.types.message_create_params as anthropic_params
import openai.types.chat.completion_create_params as chat_params
import pytest

from proxy.errors import GatewayError
from proxy.providers.translation import chat_to_messages, messages_to_chat
from proxy.providers.translation.refusing import Terms
from tests.providers.translation.official import misfits

USER = [{"role": "user", "content": "Hi"}]
PNG = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def to_anthropic(terms: Terms | None = None, **fields: Any) -> dict[str, Any]:
    request = {"model": "gpt", "messages": USER, **fields}
    terms = terms or Terms("claude-sonnet-4-5", "anthropic")
    said: dict[str, Any] = json.loads(chat_to_messages.request(json.dumps(request).encode(), terms)[0])
    assert misfits(said, anthropic_params.MessageCreateParamsNonStreaming) == []
    return said


def to_chat(terms: Terms | None = None, **fields: Any) -> dict[str, Any]:
    request = {"model": "claude", "max_tokens": 9, "messages": USER, **fields}
    terms = terms or Terms("gpt-6", "openai")
    said: dict[str, Any] = json.loads(messages_to_chat.request(json.dumps(request).encode(), terms)[0])
    assert misfits(said, chat_params.CompletionCreateParamsNonStreaming) == []
    return said


def test_a_plain_chat() -> None:
    assert to_anthropic() == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_a_loop_of_tools_with_thoughts() -> None:
    tools = [
        {"type": "function", "function": {"name": "get.weather", "description": "W", "parameters": WEATHER}}
    ]
    thought = {"type": "thinking", "thinking": "Hm", "signature": "c2ln", "index": 0}
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "developer",
            "content": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        },
        {
            "role": "user",
            "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PNG}}],
        },
        {
            "role": "assistant",
            "content": "Looking.",
            "reasoning_content": "Hm",
            "thinking_blocks": [thought],
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "get.weather", "arguments": '{"city":"B"}'},
                },
                {"id": "b", "type": "function", "function": {"name": "get.weather", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "cold"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "warm"}]},
        {"role": "user", "content": "And?"},
    ]
    said = to_anthropic(messages=messages, tools=tools, tool_choice="required", parallel_tool_calls=False)
    assert said["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
    ]
    user, assistant, results = said["messages"]
    assert user["content"][1]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": "iVBORw0KGgo=",
    }
    assert assistant["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "B"}},
        {"type": "tool_use", "id": "b", "name": "get_weather", "input": {}},
    ]
    assert [block["type"] for block in results["content"]] == ["tool_result", "tool_result", "text"]
    assert said["tools"] == [{"name": "get_weather", "description": "W", "input_schema": WEATHER}]
    assert said["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_tool_choice(choice: Any, said: Any) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert to_anthropic(tools=tools, tool_choice=choice)["tool_choice"] == said


def test_only_allowed_tools_are_told_of() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    said = to_anthropic(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in said["tools"]] == ["g"]
    assert said["tool_choice"] == {"type": "any"}


def test_functions_of_before_tools() -> None:
    messages = [
        *USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "3"},
    ]
    said = to_anthropic(
        messages=messages, functions=[{"name": "f", "parameters": WEATHER}], function_call="auto"
    )
    assert said["messages"][1]["content"][0]["id"] == said["messages"][2]["content"][0]["tool_use_id"]
    assert said["tools"] == [{"name": "f", "input_schema": WEATHER}]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"max_tokens": 6}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"safety_identifier": "s1"}, {"metadata": {"user_id": "s1"}}),
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2, "top_p": 0.9}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"service_tier": "fast"}, {"speed": "fast"}),
        ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        (
            {"web_search_options": {"search_context_size": "low"}},
            {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]},
        ),
        ({"n": 1, "logprobs": False, "presence_penalty": 0, "seed": None, "store": False}, {}),
    ],
)
def test_each_field_in_anthropics_words(fields: dict[str, Any], said: dict[str, Any]) -> None:
    request = {"model": "gpt", "messages": USER, **fields}
    body, _, _ = chat_to_messages.request(
        json.dumps(request).encode(), Terms("claude-sonnet-4-5", "anthropic")
    )
    found = json.loads(body)
    assert {name: found[name] for name in said} == said
    assert set(found) - {"model", "messages", "max_tokens"} == set(said) - {"max_tokens"}


def test_new_models_are_told_the_effort_alone() -> None:
    said = to_anthropic(Terms("claude-opus-4-6", "anthropic"), reasoning_effort="high")
    assert said["thinking"] == {"type": "adaptive"}
    assert said["output_config"] == {"effort": "high"}


def test_a_budget_leaves_room_for_an_answer() -> None:
    assert "thinking" not in to_anthropic(reasoning_effort="high", max_tokens=900)
    assert to_anthropic(reasoning_effort="high", max_tokens=2000)["thinking"]["budget_tokens"] == 1999


def test_a_call_of_another_model_is_answered_without_thinking() -> None:
    """Mid-conversation, after a failover: Anthropic would ask for the thought before the call."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        *USER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
    assert "thinking" not in to_anthropic(messages=messages, reasoning_effort="low")


def test_a_schema_that_is_kept_to_strictly() -> None:
    schema = {"name": "s", "schema": WEATHER, "strict": True}
    said = to_anthropic(response_format={"type": "json_schema", "json_schema": schema})
    assert said["output_config"] == {"format": {"type": "json_schema", "schema": WEATHER}}


@pytest.mark.parametrize(
    "format_",
    [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "s", "schema": WEATHER}}],
)
def test_other_json_is_the_call_of_a_tool(format_: Any) -> None:
    said = to_anthropic(response_format=format_)
    assert said["tool_choice"] == {"type": "tool", "name": "json_tool_call"}
    tools = [{"type": "function", "function": {"name": "f"}}]
    said = to_anthropic(response_format=format_, tools=tools)
    assert [tool["name"] for tool in said["tools"]] == ["f", "json_tool_call"]
    assert said["tool_choice"] == {"type": "any"}


def test_documents_and_pictures() -> None:
    pdf = "data:application/pdf;base64,JVBERi0="
    parts = [
        {"type": "file", "file": {"file_data": pdf, "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "high"}},
    ]
    blocks = to_anthropic(messages=[{"role": "user", "content": parts}])["messages"][0]["content"]
    assert [block["source"] for block in blocks] == [
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        {"type": "file", "file_id": "file_1"},
        {"type": "url", "url": "https://a.example/b.png"},
    ]
    assert blocks[0]["title"] == "a.pdf"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seed": 3}, "seed"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"audio": {}}, "audio"),
        ({"verbosity": "low"}, "verbosity"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"stop": [" "]}, "stop"),
        ({"messages": [{"role": "user", "content": "x", "name": "Ada"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "x", "strange": 1}]}, "messages[0].strange"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.detail",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f", "odd": 1}}]}, "tools[0].function.odd"),
    ],
)
def test_what_anthropic_has_no_word_for_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        to_anthropic(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert param in refused.value.message


def test_drop_params_leaves_it_out() -> None:
    terms = Terms("claude-sonnet-4-5", "anthropic", drop=True)
    messages = [{"role": "user", "content": "x", "name": "Ada"}]
    said = to_anthropic(terms, seed=3, n=2, verbosity="low", messages=messages)
    assert set(said) == {"model", "messages", "max_tokens"}


def test_sampling_is_refused_where_the_api_has_none() -> None:
    terms = Terms("claude-sonnet-5", "anthropic", version="2026-10-21")
    with pytest.raises(GatewayError) as refused:
        to_anthropic(terms, temperature=1)
    assert refused.value.param == "temperature"


def test_fields_that_nobody_knows_go_as_they_came() -> None:
    request = {"model": "gpt", "messages": USER, "brand_new": {"a": [1]}}
    body, _, _ = chat_to_messages.request(
        json.dumps(request).encode(), Terms("claude-sonnet-4-5", "anthropic")
    )
    assert json.loads(body)["brand_new"] == {"a": [1]}


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "system", "content": "x"}], "messages"),
        ([{"role": "elf", "content": "x"}], "messages[0].role"),
        ("x", "messages"),
    ],
)
def test_messages_that_are_none_are_the_clients_fault(messages: Any, param: str) -> None:
    with pytest.raises(GatewayError) as wrong:
        to_anthropic(messages=messages)
    assert (wrong.value.status, wrong.value.param) == (400, param)


def test_a_request_of_anthropics_as_a_chat() -> None:
    turns = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "is_error": True,
                    "content": [
                        {"type": "text", "text": "no"},
                        {"type": "image", "source": {"type": "url", "url": "https://a.example/p.png"}},
                    ],
                },
                {"type": "text", "text": "Go on", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ]
    said = to_chat(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=turns,
        tools=[{"name": "f", "input_schema": WEATHER, "cache_control": {"type": "ephemeral"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["x"],
        top_p=0.5,
        metadata={"user_id": "u"},
        thinking={"type": "enabled", "budget_tokens": 3000},
    )
    system, user, assistant, result, more = said["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"][1]["image_url"]["url"] == PNG
    assert assistant["content"] is None
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x": 1}'}
    assert result == {"role": "tool", "tool_call_id": "a", "content": "Error: no"}
    assert [part["type"] for part in more["content"]] == ["image_url", "text"]
    assert said["tools"] == [{"type": "function", "function": {"name": "f", "parameters": WEATHER}}]
    assert said["tool_choice"] == "required"
    assert said["parallel_tool_calls"] is False
    assert said["stop"] == ["x"]
    assert said["user"] == "u"
    assert said["reasoning_effort"] == "high"
    assert said["max_completion_tokens"] == 9


def test_documents_in_chat() -> None:
    blocks = [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "T.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            "title": "T",
        },
    ]
    parts = to_chat(messages=[{"role": "user", "content": blocks}])["messages"][0]["content"]
    assert parts == [
        {"type": "file", "file": {"filename": "T.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": "T\n\nwords"},
    ]


def test_a_stream_asks_for_its_usage() -> None:
    assert to_chat_body(stream=True)["stream_options"] == {"include_usage": True}


def to_chat_body(**fields: Any) -> dict[str, Any]:
    request = {"model": "claude", "max_tokens": 9, "messages": USER, **fields}
    found: dict[str, Any] = json.loads(
        messages_to_chat.request(json.dumps(request).encode(), Terms("gpt-6", "openai"))[0]
    )
    return found


def test_models_that_do_not_reason_are_told_nothing_of_thinking() -> None:
    said = to_chat(Terms("gpt-4o", "openai"), thinking={"type": "enabled", "budget_tokens": 2000})
    assert "reasoning_effort" not in said


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 3}, "top_k"),
        ({"container": "c"}, "container"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"name": "f", "input_schema": {}, "odd": 1}]}, "tools[0].odd"),
        (
            {"messages": [{"role": "user", "content": [{"type": "container_upload", "data": "f"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "odd": 1}]}]},
            "messages[0].content[0].odd",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "u"}}]}
                ]
            },
            "messages[0].content[0].source.type",
        ),
    ],
)
def test_what_chat_has_no_word_for_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        to_chat(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert param in refused.value.message


def test_long_names_come_back() -> None:
    name = "mcp__" + "very_long_name_" * 7
    request = {"messages": USER, "tools": [{"name": name, "input_schema": {}}]}
    body, asked = messages_to_chat.request(json.dumps(request).encode(), Terms("gpt-6", "openai"))
    sent = json.loads(body)["tools"][0]["function"]["name"]
    assert len(sent) == 64
    assert asked.names == {sent: name}


def test_what_openais_sdks_have_parsed_is_said_already() -> None:
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "w", "arguments": "{}", "parsed_arguments": {}},
    }
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "parsed": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "icy"},
    ]
    plain = [{**each} for each in messages]
    plain[1] = {"role": "assistant", "tool_calls": [{**call, "function": {"name": "w", "arguments": "{}"}}]}
    assert to_anthropic(messages=messages) == to_anthropic(messages=plain)


# -- modify_params

MODIFIES = Terms("claude-sonnet-4-5", "anthropic", modifies=True)
CALL = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
ASKED = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
RESULT = {"role": "tool", "tool_call_id": "a", "content": "icy"}
LOST = [{"type": "text", "text": "[The call of `weather` was skipped or interrupted: there is no result.]"}]


def result(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "a", "content": content}


ICY = [{"type": "text", "text": "icy"}]
AGAIN = {"role": "tool", "tool_call_id": "a", "content": "warm"}
STRAY = {"role": "tool", "tool_call_id": "b", "content": "warm"}
USE = {"type": "tool_use", "id": "a", "name": "weather", "input": {}}


@pytest.mark.parametrize(
    ("messages", "param", "turns"),
    [
        pytest.param(
            [{"role": "system", "content": "Be brief"}], "messages",
            [{"role": "user", "content": [{"type": "text", "text": "Please continue."}]}], id="nobody",
        ),
        pytest.param(ASKED, "messages[1].tool_calls[0]", [result(LOST)], id="no-result-at-the-end"),
        pytest.param(
            [*ASKED, {"role": "user", "content": "Never mind"}], "messages[1].tool_calls[0]",
            [result(LOST), {"type": "text", "text": "Never mind"}], id="no-result",
        ),
        pytest.param([*ASKED, RESULT, AGAIN], "messages[3].tool_call_id",
                     [result([{"type": "text", "text": "warm"}])], id="two-results"),
        pytest.param([*ASKED, RESULT, STRAY], "messages[3].tool_call_id", [result(ICY)], id="no-call"),
        pytest.param(
            [*ASKED, {"role": "user", "content": "Well?"}, RESULT], "messages[1].tool_calls[0]",
            [result(ICY), {"type": "text", "text": "Well?"}], id="a-word-between",
        ),
    ],
)  # fmt: skip
def test_what_anthropic_would_refuse(messages: list[Any], param: str, turns: list[Any]) -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    with pytest.raises(GatewayError, match="modify_params") as refused:
        to_anthropic(messages=messages, tools=tools)
    assert (refused.value.param, refused.value.status) == (param, 400)
    said = to_anthropic(MODIFIES, messages=messages, tools=tools)["messages"]
    assert (said if len(said) == 1 else said[-1]["content"]) == turns


def test_what_is_as_it_should_be_is_not_changed() -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    messages = [
        *ASKED,
        RESULT,
        {"role": "assistant", "content": "Icy."},
        {"role": "user", "content": "Thanks"},
    ]
    assert to_anthropic(MODIFIES, messages=messages, tools=tools) == to_anthropic(
        messages=messages, tools=tools
    )


def test_an_assistant_that_begins() -> None:
    messages = [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Hi"}]
    assert to_anthropic(MODIFIES, messages=messages)["messages"][0] == {
        "role": "user",
        "content": [{"type": "text", "text": "."}],
    }


def test_calls_without_tools_have_one_that_is_not_called() -> None:
    said = to_anthropic(messages=[*ASKED, RESULT])
    assert [tool["name"] for tool in said["tools"]] == ["dummy_tool"]
    assert said["tool_choice"] == {"type": "none"}


def test_thinking_without_the_thought_before_the_call() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with pytest.raises(GatewayError, match="modify_params") as refused:
        to_anthropic(messages=[*ASKED, RESULT], thinking=thinking)
    assert refused.value.param == "thinking"
    assert "thinking" not in to_anthropic(MODIFIES, messages=[*ASKED, RESULT], thinking=thinking)
    adaptive = to_anthropic(messages=[*ASKED, RESULT], thinking={"type": "adaptive"})
    assert adaptive["thinking"] == {"type": "adaptive"}
