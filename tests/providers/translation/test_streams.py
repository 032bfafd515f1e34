"""Streams between chat's language and Anthropic's: what a client of the official SDKs adds up is the same."""

from __future__ import annotations

from typing import Any

import anthropic.types
import openai.types.chat
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from openai.lib.streaming._deltas import accumulate_delta

from proxy.providers.translation.chat_reader import ChatReader
from proxy.providers.translation.chat_words import Asked
from proxy.providers.translation.chat_writer import ChatWriter
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.messages_writer import MessagesWriter
from proxy.providers.translation.renamed import NOTHING, Renamed
from proxy.providers.translation.stream import StreamTranslator
from tests.providers.translation.conftest import (
    ANTHROPIC_STREAM,
    CHAT_STREAM,
    as_anthropic,
    as_chat,
    chunk,
    datas,
)

ASKED = Asked(created=1_700_000_000, usage=True)


def to_chat(asked: Asked = ASKED, renamed: Renamed = NOTHING) -> StreamTranslator:
    return StreamTranslator(MessagesReader(), ChatWriter(asked), renamed)


def to_messages() -> StreamTranslator:
    return StreamTranslator(ChatReader(), MessagesWriter())


def added_up(stream: bytes) -> dict[str, Any]:
    """As OpenAI's SDK does."""
    message: dict[Any, Any] = {}
    for data in datas(stream):
        if data != "[DONE]":
            openai.types.chat.ChatCompletionChunk.model_validate(data)
            for choice in data["choices"]:
                message = accumulate_delta(message, choice["delta"])
    return message


def message_of(stream: bytes) -> anthropic.types.Message:
    """As Anthropic's SDK does."""
    snapshot, texts = None, {}
    for data in datas(stream):
        event = anthropic._models.construct_type(type_=anthropic.types.RawMessageStreamEvent, value=data)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=texts)
    assert snapshot is not None
    return snapshot


def test_a_client_of_openai_hears_claude_whole(anthropic_stream: bytes) -> None:
    said = to_chat().feed(anthropic_stream)
    message = added_up(said)
    assert message["role"] == "assistant"
    assert message["content"] == 'It\'s "so"\ngrößer 🌍'
    assert message["reasoning_content"] == "Let me see."
    assert [{k: v for k, v in block.items() if k != "index"} for block in message["thinking_blocks"]] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}
    ]
    calls = [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message["tool_calls"]]
    assert calls == [("toolu_1", "weather", '{"city": "Berlin"}'), ("toolu_2", "now", "{}")]
    *_, last, usage, done = datas(said)
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 30, "completion_tokens": 89, "total_tokens": 119,
        "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 7},
    }  # fmt: skip
    assert done == "[DONE]"


def test_a_client_of_anthropic_hears_a_chat_whole(chat_stream: bytes) -> None:
    said = to_messages().feed(chat_stream)
    message = message_of(said)
    thought, text, weather, now = message.content
    assert (thought.type, thought.thinking) == ("thinking", "Let me see.")
    assert (text.type, text.text) == ("text", 'It\'s "so"\ngrößer 🌍')
    assert (weather.type, weather.id, weather.name, weather.input) == (
        "tool_use", "call_1", "weather", {"city": "Berlin"},
    )  # fmt: skip
    assert (now.type, now.input) == ("tool_use", {})
    assert message.stop_reason == "tool_use"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (25, 5, 89)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 7
    assert message.system_fingerprint == "fp_1"  # type: ignore[attr-defined]
    assert datas(said)[-1] == {"type": "message_stop"}


def test_without_include_usage_no_chunk_tells_of_it(anthropic_stream: bytes) -> None:
    said = to_chat(Asked()).feed(anthropic_stream)
    assert all("usage" not in data for data in datas(said) if data != "[DONE]")


@pytest.mark.parametrize("asked", [ASKED, Asked()])
def test_split_at_every_byte_it_says_the_same(anthropic_stream: bytes, asked: Asked) -> None:
    whole = to_chat(asked).feed(anthropic_stream)
    one_by_one = to_chat(asked)
    assert (
        b"".join(one_by_one.feed(anthropic_stream[n : n + 1]) for n in range(len(anthropic_stream))) == whole
    )
    for at in range(0, len(anthropic_stream), 7):
        split = to_chat(asked)
        assert split.feed(anthropic_stream[:at]) + split.feed(anthropic_stream[at:]) + split.finish() == whole


def test_a_chat_split_at_every_byte_says_the_same(chat_stream: bytes) -> None:
    whole = to_messages().feed(chat_stream)
    for at in range(len(chat_stream)):
        split = to_messages()
        assert split.feed(chat_stream[:at]) + split.feed(chat_stream[at:]) + split.finish() == whole


def test_each_event_is_said_in_the_turn_in_which_it_came() -> None:
    translator = to_chat()
    for event in ANTHROPIC_STREAM:
        said = translator.feed(as_anthropic([event]))
        if event["type"] == "content_block_delta" and event["delta"].get("partial_json") != "":
            assert said, event
    translator = to_messages()
    for each in CHAT_STREAM[:-2]:
        assert translator.feed(as_chat([each], done=False)), each


@pytest.mark.parametrize("cut", range(1, len(ANTHROPIC_STREAM)))
def test_what_breaks_off_has_no_end(cut: int) -> None:
    translator = to_chat()
    said = translator.feed(as_anthropic(ANTHROPIC_STREAM[:cut])) + translator.finish()
    assert b"[DONE]" not in said


@pytest.mark.parametrize("cut", range(1, len(CHAT_STREAM) - 1))
def test_a_chat_that_breaks_off_has_no_end(cut: int) -> None:
    translator = to_messages()
    said = translator.feed(as_chat(CHAT_STREAM[:cut], done=False)) + translator.finish()
    assert b"message_stop" not in said
    assert b"message_delta" not in said


def test_a_reason_to_end_is_an_end_where_the_server_has_no_done() -> None:
    translator = to_messages()
    said = translator.feed(as_chat(CHAT_STREAM, done=False)) + translator.finish()
    assert message_of(said).stop_reason == "tool_use"
    assert datas(said)[-1] == {"type": "message_stop"}


def test_an_error_ends_a_chat_without_done() -> None:
    error = {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "r",
    }
    translator = to_chat()
    said = translator.feed(as_anthropic([*ANTHROPIC_STREAM[:9], error])) + translator.finish()
    assert datas(said)[-1] == {
        "error": {"message": "Overloaded", "type": "overloaded_error", "param": None, "code": "overloaded"}
    }


def test_an_error_in_a_chat_is_anthropics_event() -> None:
    error = {
        "error": {"message": "Too many", "type": "requests", "code": "rate_limit_exceeded", "param": None}
    }
    translator = to_messages()
    said = translator.feed(as_chat([*CHAT_STREAM[:3], error], done=False)) + translator.finish()
    assert b"event: error\n" in said
    assert datas(said)[-1] == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Too many", "code": "rate_limit_exceeded"},
    }
    assert b"message_stop" not in said


def test_events_that_nobody_knows_do_no_harm() -> None:
    strange = [{"type": "new_event", "what": 1}, {"no": "type"}]
    known = to_chat().feed(as_anthropic(ANTHROPIC_STREAM))
    odd = (
        b"event: x\ndata: not json\n\n: comment\n\ndata: [1]\n\n"
        + as_anthropic(strange[:1])
        + b"data: {}\n\n"
    )
    assert (
        to_chat().feed(as_anthropic(ANTHROPIC_STREAM[:9]) + odd + as_anthropic(ANTHROPIC_STREAM[9:])) == known
    )
    known = to_messages().feed(as_chat(CHAT_STREAM))
    assert to_messages().feed(as_chat(CHAT_STREAM[:4], done=False) + odd + as_chat(CHAT_STREAM[4:])) == known


def test_calls_that_are_told_by_turns_each_get_their_own() -> None:
    def call(number: int, **function: str) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": number, "id": f"c{number}", "function": function}]})

    told = [
        call(0, name="a", arguments='{"x"'), call(1, name="b", arguments='{"y"'), call(0, arguments=":1}"),
        call(1, arguments=":2}"), chunk({}, "tool_calls"),
    ]  # fmt: skip
    message = message_of(to_messages().feed(as_chat(told)))
    assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == [
        ("a", {"x": 1}), ("b", {"y": 2}),
    ]  # fmt: skip


def test_what_anthropics_own_tools_found_is_given_out_and_numbered() -> None:
    events = [
        ANTHROPIC_STREAM[0],
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"query":'},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '"x"}'},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        },
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "Found."}},
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {
                "type": "citations_delta",
                "citation": {
                    "type": "web_search_result_location",
                    "url": "https://a.example",
                    "title": "A",
                    "cited_text": "a",
                    "encrypted_index": "e",
                },
            },
        },
        {"type": "content_block_stop", "index": 2},
        *ANTHROPIC_STREAM[-2:],
    ]
    said = to_chat().feed(as_anthropic(events))
    message = added_up(said)
    assert message["annotations"][0]["url_citation"] == {
        "url": "https://a.example",
        "title": "A",
        "start_index": 0,
        "end_index": 6,
    }
    specific = message["provider_specific_fields"]
    assert [block["type"] for block in specific["blocks"]] == ["server_tool_use", "web_search_tool_result"]
    assert specific["blocks"][0]["input"] == {"query": "x"}
    back = message_of(to_messages().feed(said))
    assert [block.type for block in back.content] == ["server_tool_use", "web_search_tool_result", "text"]
    assert back.content[2].citations[0].encrypted_index == "e"  # type: ignore[union-attr]


def test_a_tool_that_stands_in_for_json_is_the_content() -> None:
    events = [
        *ANTHROPIC_STREAM[:2],
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
        },
        {"type": "content_block_stop", "index": 0},
        *ANTHROPIC_STREAM[-2:],
    ]
    said = to_chat(Asked(), Renamed(json_tool="json_tool_call")).feed(as_anthropic(events))
    assert added_up(said)["content"] == '{"a":1}'
    assert datas(said)[-2]["choices"][0]["finish_reason"] == "stop"


def test_names_of_tools_are_the_clients_own_again(anthropic_stream: bytes) -> None:
    message = added_up(to_chat(renamed=Renamed({"weather": "get.weather"})).feed(anthropic_stream))
    assert message["tool_calls"][0]["function"]["name"] == "get.weather"


def test_a_tool_of_text_stands_behind_a_function(anthropic_stream: bytes) -> None:
    said = anthropic_stream.replace(b"city", b"input")
    message: dict[Any, Any] = {}
    for data in datas(to_chat(renamed=Renamed(customs=frozenset(("weather",)))).feed(said))[:-1]:
        message = accumulate_delta(message, data["choices"][0]["delta"]) if data["choices"] else message
    assert message["tool_calls"][0]["custom"] == {"name": "weather", "input": "Berlin"}
