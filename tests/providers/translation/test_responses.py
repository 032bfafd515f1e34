"""/responses over the other languages: requests, streams in their order, whole answers, by OpenAI's own types."""

from __future__ import annotations

import json
from typing import Any

import openai
import openai.types.chat.completion_create_params as chat_params
import pytest
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.errors import GatewayError
from proxy.providers.translation import chat_reader, messages_reader, responses_to_chat, responses_writer
from proxy.providers.translation.chat_reader import ChatReader
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.refusing import Terms
from proxy.providers.translation.responses_words import Asked
from proxy.providers.translation.responses_writer import ResponsesWriter
from proxy.providers.translation.stream import StreamTranslator
from proxy.providers.translation.thoughts import sealed
from tests.providers.translation.conftest import (
    ANTHROPIC_STREAM,
    CHAT_STREAM,
    as_anthropic,
    as_chat,
    chunk,
    datas,
)
from tests.providers.translation.official import misfits

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
ASKED = Asked("0123-4567", 1_700_000_000)


def to_chat(terms: Terms | None = None, **fields: Any) -> dict[str, Any]:
    request = {"model": "m", "input": "Hi", **fields}
    body, _ = responses_to_chat.request(json.dumps(request).encode(), terms or Terms("gpt-6", "openai"))
    said: dict[str, Any] = json.loads(body)
    del said["model"]
    assert misfits({"model": "m", **said}, chat_params.CompletionCreateParamsStreaming) in (
        [], [".stream: lacking in CompletionCreateParamsStreaming"],
    )  # fmt: skip
    return said


def checked(stream: bytes) -> list[dict[str, Any]]:
    """Each event by the SDK's types, and numbered without a gap."""
    found = datas(stream)
    for number, data in enumerate(found):
        EVENT.validate_python(data)
        assert data["sequence_number"] == number
    return found


def test_a_plain_request() -> None:
    said = to_chat(instructions="Be brief.", max_output_tokens=9, temperature=0.5, user="u")
    assert said == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "user": "u",
    }


def test_a_conversation_with_tools() -> None:
    items = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "See"},
                {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "auto"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Looking", "annotations": []}],
        },
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {
            "type": "function_call_output",
            "call_id": "b",
            "output": [
                {"type": "input_text", "text": "2"},
                {"type": "input_image", "image_url": "https://a.example/c.png", "detail": "auto"},
            ],
        },
        {"role": "user", "content": "And?"},
    ]
    tools = [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object"},
            "strict": True,
            "description": "F",
        }
    ]
    body, _ = responses_to_chat.request(
        json.dumps(
            {"input": items, "tools": tools, "tool_choice": {"type": "function", "name": "f"}}
        ).encode(),
        Terms("m", "groq"),
    )
    said = json.loads(body)
    user, assistant, first, second, shown, last = said["messages"]
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]
    assert assistant["reasoning_content"] == "Hm"
    assert assistant["content"] == "Looking"
    assert [call["id"] for call in assistant["tool_calls"]] == ["a", "b"]
    assert (first["content"], second["content"]) == ("1", "2")
    assert shown["content"][0]["image_url"]["url"] == "https://a.example/c.png"
    assert last == {"role": "user", "content": "And?"}
    assert said["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"type": "object"}, "strict": True, "description": "F"},
        }
    ]
    assert said["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_formats_reasoning_and_streams() -> None:
    schema = {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True}
    said = to_chat(
        text={"format": schema, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        stream=True,
    )
    assert said["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
    }  # fmt: skip
    assert said["verbosity"] == "low"
    assert said["reasoning_effort"] == "low"
    assert said["stream_options"] == {"include_usage": True}


def test_sealed_thoughts_come_back_as_thinking_blocks() -> None:
    block = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    items = [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": sealed([block])},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "reasoning", "id": "rs2", "summary": [], "encrypted_content": "gAAAA-of-somebody-else"},
    ]
    body, _ = responses_to_chat.request(json.dumps({"input": items}).encode(), Terms("m", "anthropic"))
    assert json.loads(body)["messages"][1]["thinking_blocks"] == [block]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "c"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"tools": [{"type": "file_search", "vector_store_ids": []}]}, "tools[0].type"),
        ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]}, "input[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": "x", "odd": 1}]}, "input[0].odd"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"text": {"odd": 1}}, "text.odd"),
    ],
)
def test_what_chat_has_no_word_for_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        to_chat(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_claudes_stream_in_order() -> None:
    translator = StreamTranslator(MessagesReader(), ResponsesWriter(ASKED))
    events = checked(translator.feed(as_anthropic(ANTHROPIC_STREAM)))
    assert [event["type"] for event in events] == [
        "response.created", "response.in_progress",
        "response.output_item.added", "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "response.output_item.done",
        "response.output_item.added", "response.content_part.added", "response.output_text.delta",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done",
        "response.output_item.added", "response.function_call_arguments.done", "response.output_item.done",
        "response.completed",
    ]  # fmt: skip
    response = Response.model_validate(events[-1]["response"])
    assert response.id == "resp_01234567"
    assert response.output_text == 'It\'s "so"\ngrößer 🌍'
    thought, _, weather, now = response.output
    assert thought.encrypted_content == sealed(
        [{"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}]
    )  # type: ignore[union-attr]
    assert (weather.call_id, weather.arguments, now.arguments) == ("toolu_1", '{"city": "Berlin"}', "{}")  # type: ignore[union-attr]
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == 5
    assert response.usage.output_tokens_details.reasoning_tokens == 7


def test_the_sdk_adds_the_stream_up() -> None:
    state = ResponseStreamState(input_tools=[], text_format=openai.omit)
    translator = StreamTranslator(ChatReader(), ResponsesWriter(ASKED))
    told = datas(translator.feed(as_chat(CHAT_STREAM)))
    last = [event for data in told for event in state.handle_event(EVENT.validate_python(data))][-1]
    assert last.type == "response.completed"
    assert last.response.output_text == 'It\'s "so"\ngrößer 🌍'


def test_split_at_every_byte_it_says_the_same() -> None:
    stream = as_chat(CHAT_STREAM)
    whole = StreamTranslator(ChatReader(), ResponsesWriter(ASKED)).feed(stream)
    for at in range(len(stream)):
        split = StreamTranslator(ChatReader(), ResponsesWriter(ASKED))
        assert split.feed(stream[:at]) + split.feed(stream[at:]) + split.finish() == whole


@pytest.mark.parametrize("cut", range(1, len(CHAT_STREAM) - 1))
def test_what_breaks_off_is_not_completed(cut: int) -> None:
    translator = StreamTranslator(ChatReader(), ResponsesWriter(ASKED))
    said = translator.feed(as_chat(CHAT_STREAM[:cut], done=False)) + translator.finish()
    assert {"response.completed", "response.incomplete"}.isdisjoint(event["type"] for event in checked(said))


def test_an_error_fails_the_response() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    translator = StreamTranslator(MessagesReader(), ResponsesWriter(ASKED))
    events = checked(translator.feed(as_anthropic([*ANTHROPIC_STREAM[:9], error])))
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["message"] == "Overloaded"


def test_a_length_that_is_reached_is_incomplete() -> None:
    translator = StreamTranslator(ChatReader(), ResponsesWriter(ASKED))
    events = checked(translator.feed(as_chat([chunk({"content": "a"}), chunk({}, "length")])))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_whole_answer() -> None:
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "tool_use",
        "content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}],
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }  # fmt: skip
    events = messages_reader.whole(json.dumps(message).encode())
    assert events is not None
    kept: list[Any] = []
    body = responses_writer.whole(events, ASKED, lambda id_, items: kept.append((id_, items)))
    response = Response.model_validate_json(body)
    assert response.status == "completed"
    assert response.output_text == "Hi"
    assert response.output[1].arguments == '{"x": 1}'  # type: ignore[union-attr]
    assert kept[0][0] == response.id
    assert [item["type"] for item in kept[0][1]] == ["message", "function_call"]


def test_what_the_request_said_is_repeated() -> None:
    request = {
        "input": "Hi",
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "tools": [],
        "temperature": 0.5,
    }
    _, asked = responses_to_chat.request(json.dumps(request).encode(), Terms("m", "groq", call_id="c1"))
    answer = chat_reader.whole(
        json.dumps(
            {
                "id": "x",
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
                ],
            }
        ).encode()
    )
    assert answer is not None
    found = json.loads(responses_writer.whole(answer, asked))
    assert (found["instructions"], found["metadata"], found["temperature"]) == ("Be brief.", {"a": "b"}, 0.5)
