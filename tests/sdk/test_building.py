"""The whole answer of a stream's chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluice.answers.beside import Beside
from sluice.answers.building import stream_chunk_builder
from sluice.answers.chat import ChatCompletionMessageToolCall, ModelResponse
from sluice.answers.chunks import ModelResponseStream
from sluice.answers.decoding import decode
from sluice.answers.text import TextCompletionResponse

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> ModelResponseStream:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    fields = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o",
        "choices": choices,
        **more,
    }
    return decode(ModelResponseStream, json.dumps(fields))


def built(*chunks: ModelResponseStream, **options: Any) -> ModelResponse:
    made = stream_chunk_builder(chunks, **options)
    assert isinstance(made, ModelResponse)
    return made


def test_texts_are_joined_and_the_rest_is_as_a_whole_answer_has_it() -> None:
    made = built(
        chunk({"role": "assistant", "content": ""}, system_fingerprint="fp_1", obfuscation="xx"),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}, usage=None),
        chunk({}, "stop"),
        chunk(None, usage=USAGE),
    )
    assert made == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
        ],
        "usage": USAGE,
    }
    assert made.usage is not None
    assert made.usage.total_tokens == 11


def test_tool_calls_are_joined_by_their_index() -> None:
    def call(index: int, **fields: Any) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, **fields}]}

    made = built(
        chunk({"role": "assistant", "content": None}),
        chunk(call(0, id="call_1", type="function", function={"name": "weather", "arguments": ""})),
        chunk(call(0, function={"arguments": '{"city":'})),
        chunk(call(1, id="call_2", type="function", function={"name": "time", "arguments": "{"})),
        chunk(call(0, function={"arguments": '"Rome"}'})),
        chunk(call(1, function={"arguments": "}"})),
        chunk({}, "tool_calls"),
    )
    message = made.choices[0].message
    assert message.content is None
    assert message.tool_calls == [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ]
    assert isinstance(message.tool_calls[0], ChatCompletionMessageToolCall)
    assert made.choices[0].finish_reason == "tool_calls"


def test_the_older_form_of_calls_thoughts_refusals_and_sound() -> None:
    made = built(
        chunk({"function_call": {"name": "f", "arguments": ""}, "reasoning_content": "Let "}),
        chunk({"function_call": {"arguments": "{}"}, "reasoning_content": "me", "refusal": "No"}),
        chunk(
            {"refusal": "!", "audio": {"id": "a", "data": "QQ"}, "annotations": [{"type": "url_citation"}]}
        ),
        chunk({"audio": {"data": "=="}, "annotations": [{"type": "url_citation"}]}, "function_call"),
    )
    message = made.choices[0].message
    assert message.function_call == {"name": "f", "arguments": "{}"}
    assert message.reasoning_content == "Let me"
    assert message.refusal == "No!"
    assert message.audio == {"id": "a", "data": "QQ=="}
    assert len(message.annotations or ()) == 2


def test_choices_are_kept_apart_in_their_order() -> None:
    made = built(
        chunk({"content": "b"}, index=1),
        chunk({"content": "a"}, index=0),
        chunk({"content": "B"}, "length", index=1),
        chunk({"content": "A"}, "stop", index=0),
    )
    assert [(each.index, each.message.content, each.finish_reason) for each in made.choices] == [
        (0, "aA", "stop"),
        (1, "bB", "length"),
    ]


def test_logprobs_are_strung_together() -> None:
    first, second = {"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -2.0}
    chunks = [chunk({"content": "x"}) for _ in range(2)]
    for each, probability in zip(chunks, (first, second), strict=True):
        each["choices"][0]["logprobs"] = {"content": [probability], "refusal": None}
    made = built(*chunks)
    assert made.choices[0].logprobs == {"content": [first, second], "refusal": None}


def test_fields_that_nobody_declared_are_kept() -> None:
    made = built(chunk({"content": "a", "x": 1}, x_groq={"id": "r"}), chunk({"content": "b", "x": 2}))
    assert made["choices"][0]["message"]["x"] == 2
    assert made["x_groq"] == {"id": "r"}


def test_text_completions_have_their_own_answer() -> None:
    chunks = [
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "choices": [{"index": 0, "text": text, "finish_reason": end}],
        }
        for text, end in (("Hel", None), ("lo", "stop"))
    ]
    made = stream_chunk_builder(chunks)
    assert isinstance(made, TextCompletionResponse)
    assert made.choices[0] == {"index": 0, "text": "Hello", "finish_reason": "stop"}
    assert made.object == "text_completion"


def test_of_no_chunks_there_is_no_answer() -> None:
    assert stream_chunk_builder([]) is None


def test_a_usage_that_was_not_said_is_estimated_and_marked() -> None:
    chunks = (chunk({"content": "Hello, how are you?"}), chunk({}, "stop"))
    assert built(*chunks).usage is None
    made = built(*chunks, messages=[{"role": "user", "content": "Hello, how are you?"}])
    assert made.usage == {"prompt_tokens": 13, "completion_tokens": 6, "total_tokens": 19}
    assert made._hidden_params["usage_estimated"] is True
    said = built(*chunks, chunk(None, usage=USAGE), messages=[{"role": "user", "content": "Hi"}])
    assert said.usage == USAGE
    assert "usage_estimated" not in said._hidden_params


def test_headers_and_price_are_the_streams() -> None:
    first = chunk({"content": "Hi"})
    first._beside = Beside(headers=(("x-request-id", "req_1"),), model="gpt-4o", provider="openai")
    made = built(
        first, chunk(None, usage={"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000})
    )
    assert made._response_headers == {"x-request-id": "req_1"}
    assert made._hidden_params["response_cost"] == pytest.approx(0.0025)


def test_the_chunks_are_left_as_they_were() -> None:
    chunks = [
        chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{"}}]}) for _ in range(2)
    ]
    before = json.dumps(chunks)
    built(*chunks)["choices"][0]["message"]["tool_calls"][0]["id"] = "changed"
    assert json.dumps(chunks) == before


def test_a_thousand_chunks_are_built_in_one_pass() -> None:
    made = built(*(chunk({"content": "word "}) for _ in range(1000)))
    assert made.choices[0].message.content == "word " * 1000
