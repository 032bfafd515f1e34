"""Answers as objects: OpenAI's JSON, with attributes."""

from __future__ import annotations

import copy
import json
import pickle
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse, ModerationCreateResponse
from openai.types.audio import Transcription, TranscriptionDiarized, TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import BaseModel

from sluice.answers import audio, chat, chunks, data, responses, text
from sluice.answers.audio import HttpxBinaryResponseContent, TranscriptionResponse
from sluice.answers.beside import Beside
from sluice.answers.chat import Choices, Message, ModelResponse, Usage
from sluice.answers.chunks import ModelResponseStream
from sluice.answers.data import EmbeddingResponse, ImageResponse, Named, OpenAIModerationResponse
from sluice.answers.decoding import NoAnswer, answer, decode
from sluice.answers.fields import Fields, Item
from sluice.answers.responses import ResponseEvent, ResponsesAPIResponse
from sluice.answers.text import TextCompletionResponse

CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
}
CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [CALL], "annotations": []},
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
    "x_groq": {"id": "req_1", "deep": [[{"n": 1}]]},
}
BODY = json.dumps(CHAT).encode()
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
}


@pytest.fixture
def given() -> ModelResponse:
    return decode(ModelResponse, BODY)


def test_fields_are_read_by_attribute_by_item_and_by_get(given: ModelResponse) -> None:
    assert given.choices[0].message.tool_calls is not None
    assert given.choices[0].message.tool_calls[0].function.name == "weather"
    assert given["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"
    assert given["choices"][0].message.get("role") == "assistant"
    assert "usage" in given
    assert "service_tier" not in given
    assert isinstance(given.choices[0], Choices)
    assert isinstance(given.usage, Usage)


def test_what_is_declared_and_absent_is_none_and_stays_absent(given: ModelResponse) -> None:
    assert given.service_tier is None
    assert given["service_tier"] is None
    assert given.get("service_tier", "default") == "default"
    assert given.choices[0].message.reasoning_content is None
    assert dict(given) == CHAT


def test_fields_that_nobody_declared_are_kept_and_have_attributes(given: ModelResponse) -> None:
    unknown: Any = given
    assert unknown.x_groq.id == "req_1"
    assert unknown.x_groq.deep[0][0].n == 1


def test_a_misspelt_field_is_an_error_that_says_which_there_are(given: ModelResponse) -> None:
    wrong: Any = given
    with pytest.raises(AttributeError, match="no field `choises`; the answer's fields: id, object, created"):
        _ = wrong.choises
    with pytest.raises(KeyError):
        wrong["choises"]
    assert not hasattr(wrong, "choises")


def test_it_equals_the_json_and_writes_it_again(given: ModelResponse) -> None:
    assert given == CHAT
    assert json.loads(json.dumps(given)) == CHAT
    assert json.loads(given.model_dump_json()) == CHAT
    assert json.loads(given.model_dump_json(indent=2)) == CHAT
    assert json.loads(given.to_json()) == CHAT
    for dumped in (given.model_dump(), given.json(), given.dict(), given.to_dict(), dict(given)):
        assert dumped == CHAT


def test_what_is_dumped_is_plain_and_the_callers_own(given: ModelResponse) -> None:
    dumped = given.model_dump()
    assert type(dumped["choices"][0]["message"]) is dict
    dumped["choices"][0]["message"]["content"] = "changed"
    assert given.choices[0].message.content is None


def test_dumping_takes_pydantics_options(given: ModelResponse) -> None:
    assert "content" not in given.model_dump(exclude_none=True)["choices"][0]["message"]
    assert set(given.model_dump(include={"id", "model"})) == {"id", "model"}
    assert "choices" not in given.model_dump(exclude={"choices"}, exclude_unset=True, mode="json")
    assert json.loads(given.model_dump_json(include={"id"})) == {"id": "chatcmpl-1"}


def test_fields_may_be_set_and_deleted(given: ModelResponse) -> None:
    given.choices[0].message.content = "said"
    assert given["choices"][0]["message"]["content"] == "said"
    del given.usage
    assert "usage" not in given
    with pytest.raises(AttributeError):
        del given.usage


def test_it_is_copied_and_pickled_with_its_classes_and_headers() -> None:
    told = answer(ModelResponse, BODY, Beside(headers=(("X-Request-Id", "req_1"),), model="gpt-4o"))
    for made in (pickle.loads(pickle.dumps(told)), copy.deepcopy(told), told.model_copy(deep=True)):
        assert made == told
        assert isinstance(made.choices[0].message, Message)
        assert made._response_headers == {"x-request-id": "req_1"}
    shallow = told.copy()
    assert shallow.choices is told.choices
    assert told.model_copy(update={"id": "other"}).id == "other"


def test_a_message_goes_on_in_the_next_request_as_it_came(given: ModelResponse) -> None:
    sent = json.loads(json.dumps({"messages": [given.choices[0].message]}))
    assert sent["messages"] == [CHAT["choices"][0]["message"]]


def test_an_empty_delta_is_true_as_a_model_is() -> None:
    chunk = decode(ModelResponseStream, json.dumps(CHUNK))
    assert chunk.choices[0].delta
    assert chunk.choices[0].delta.content is None
    assert not decode(Fields, b"{}")


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"<html>", b'{"a":', b"\xff{}", b'{"a":' * 100_000])
def test_what_is_no_json_object_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NoAnswer, match="not the JSON of a ModelResponse"):
        decode(ModelResponse, body)


def test_numbers_that_are_none_are_read_as_pythons_json_reads_them() -> None:
    """vLLM's, among logprobs."""
    found = decode(ModelResponse, b'{"choices":[{"logprobs":{"content":[{"logprob":-Infinity}]}}]}')
    assert found.choices[0].logprobs is not None
    assert found.choices[0].logprobs.content is not None
    assert found.choices[0].logprobs.content[0].logprob == float("-inf")


def test_one_can_be_made_by_hand() -> None:
    made = ModelResponse(choices=[{"message": {"content": "hi"}}], usage=Usage(prompt_tokens=1))
    assert made.choices[0].message.content == "hi"
    assert made.usage is not None
    assert made.usage.prompt_tokens == 1
    assert made.id.startswith("chatcmpl-")
    assert Message("hi").model_dump() == {"content": "hi", "role": "assistant"}
    assert ModelResponse().choices[0].message.content is None
    assert ModelResponse.model_validate(CHAT).choices[0].finish_reason == "tool_calls"


def test_a_representation_names_the_classes(given: ModelResponse) -> None:
    assert repr(given).startswith("ModelResponse(id='chatcmpl-1', object='chat.completion', created=1")
    assert "ChatCompletionMessageToolCall(id='call_1'" in str(given)


def test_tab_completion_has_declared_and_other_fields(given: ModelResponse) -> None:
    assert {"choices", "service_tier", "x_groq", "model_dump"} <= set(dir(given))


# -- what openai's own models declare

MODELS: list[tuple[type[BaseModel], type[Fields]]] = [
    (ChatCompletion, ModelResponse),
    (ChatCompletionChunk, ModelResponseStream),
    (Completion, TextCompletionResponse),
    (CreateEmbeddingResponse, EmbeddingResponse),
    (ImagesResponse, ImageResponse),
    (ModerationCreateResponse, OpenAIModerationResponse),
    (Transcription, TranscriptionResponse),
    (TranscriptionVerbose, TranscriptionResponse),
    (TranscriptionDiarized, TranscriptionResponse),
    (Response, ResponsesAPIResponse),
]
OF_PYTHON = {"keys", "async_"}
"""`keys` is a method of dicts: `action["keys"]`. `async_` is openai's name of `async`, which is no attribute."""


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in typing.get_args(annotation):
        yield from _models(each)


def _undeclared(
    theirs: type[BaseModel], ours: type[Fields], seen: set[tuple[object, object]]
) -> Iterator[str]:
    """Fields that may be absent, and would be an error to read then."""
    if (theirs, ours) in seen or ours in (Fields, Named):
        return
    seen.add((theirs, ours))
    for name, field in theirs.model_fields.items():
        optional = not field.is_required() or not issubclass(ours, Item)
        if optional and name not in ours._declared | OF_PYTHON:
            yield f"{theirs.__name__}.{name}: not in {ours.__name__}"
        for model in _models(field.annotation):
            yield from _undeclared(model, ours._below.get(name, Fields), seen)


@pytest.mark.parametrize(("theirs", "ours"), MODELS, ids=lambda kind: kind.__name__)
def test_every_field_that_openai_declares_can_be_read(theirs: type[BaseModel], ours: type[Fields]) -> None:
    assert list(_undeclared(theirs, ours, set())) == []


RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1.0,
    "model": "gpt-4o",
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Hello, ", "annotations": []},
                {"type": "output_text", "text": "world", "annotations": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
    ],
    "usage": {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 3,
    },
}


def test_a_responses_text_is_that_of_its_messages() -> None:
    body = json.dumps(RESPONSE)
    ours = decode(ResponsesAPIResponse, body)
    assert ours.output_text == Response.model_validate_json(body).output_text == "Hello, world"
    assert ours.output[0].summary[0].text == "so"
    assert ours.usage is not None
    assert ours.usage.output_tokens_details is not None
    assert ours.usage.output_tokens_details.reasoning_tokens == 1
    assert decode(ResponsesAPIResponse, b"{}").output_text == ""


def test_an_events_response_is_one() -> None:
    event = decode(ResponseEvent, json.dumps({"type": "response.completed", "response": RESPONSE}))
    assert isinstance(event.response, ResponsesAPIResponse)
    assert event.response.output_text == "Hello, world"
    assert event.sequence_number is None


def test_moderations_categories_have_pythons_names_too() -> None:
    body = {"results": [{"flagged": True, "categories": {"self-harm/intent": True, "hate": False}}]}
    result = decode(OpenAIModerationResponse, json.dumps(body)).results[0]
    assert result.categories.self_harm_intent is True
    assert result.categories["self-harm/intent"] is True
    assert result.categories.hate is False
    with pytest.raises(AttributeError):
        _ = result.categories.love


def test_made_bytes_are_read_in_pieces_and_written(tmp_path: Any) -> None:
    made = HttpxBinaryResponseContent(b"abcdef", Beside(headers=(("a", "b"),)))
    assert b"".join(made.iter_bytes(4)) == made.read() == made.content
    assert [len(piece) for piece in made.iter_bytes(4)] == [4, 2]
    made.stream_to_file(tmp_path / "speech.mp3")
    assert (tmp_path / "speech.mp3").read_bytes() == b"abcdef"
    assert made._response_headers == {"a": "b"}


async def test_made_bytes_are_read_asynchronously() -> None:
    made = HttpxBinaryResponseContent(b"abcdef")
    assert [piece async for piece in made.aiter_bytes(3)] == [b"abc", b"def"]
    assert await made.aread() == b"abcdef"


def test_fields_have_no_names_of_dicts_methods() -> None:
    taken = {name for name in dir(dict) if not name.startswith("_")}
    for module in (chat, chunks, text, data, audio, responses):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Fields):
                assert not kind._declared & taken, kind


# -- beside the body


def test_headers_are_by_lower_case_name_and_repeated_ones_joined() -> None:
    headers = (("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-RateLimit-Remaining-Requests", "9"))
    told = answer(ModelResponse, BODY, Beside(headers=headers, model_id="m1", provider="openai"))
    assert told._response_headers["set-cookie"] == "a=1, b=2"
    hidden = told._hidden_params
    assert hidden["model_id"] == "m1"
    assert hidden["custom_llm_provider"] == "openai"
    assert hidden["additional_headers"]["x-ratelimit-remaining-requests"] == "9"
    assert hidden["additional_headers"]["llm_provider-x-ratelimit-remaining-requests"] == "9"
    assert "set-cookie" not in hidden["additional_headers"]
    hidden["mine"] = 1
    assert told._hidden_params["mine"] == 1


def test_an_answer_made_by_hand_has_neither_headers_nor_cost() -> None:
    assert ModelResponse()._response_headers == {}
    assert ModelResponse()._hidden_params["response_cost"] is None


# -- in a notebook


def test_a_notebook_shows_the_text_and_what_was_used() -> None:
    shown = ModelResponse(
        model="gpt-4o",
        choices=[{"message": {"content": "<b>hi</b>"}}],
        usage={"prompt_tokens": 9, "completion_tokens": 3},
    )._repr_html_()
    assert "&lt;b&gt;hi&lt;/b&gt;" in shown
    assert "gpt-4o" in shown
    assert "9 + 3 tokens" in shown


def test_a_notebook_shows_calls_vectors_and_pictures(given: ModelResponse) -> None:
    assert "<code>weather({&quot;city&quot;:&quot;Rome&quot;})</code>" in given._repr_html_()
    vector = decode(EmbeddingResponse, b'{"data":[{"embedding":[0.123456,1,2,3,4]}]}')
    assert "5 numbers" in vector._repr_html_()
    picture = decode(ImageResponse, b'{"data":[{"b64_json":"QUJD"}]}')
    assert 'src="data:image/png;base64,QUJD"' in picture._repr_html_()
    assert decode(TranscriptionResponse, b'{"text":"spoken"}')._repr_html_().count("spoken") == 1


def test_what_a_model_writes_is_no_markup_in_a_notebook() -> None:
    bad = {"data": [{"url": "javascript:alert(1)"}, {"url": 'https://x/"><script>'}], "model": "<script>"}
    shown = decode(ImageResponse, json.dumps(bad))._repr_html_()
    assert "<script>" not in shown
    assert "javascript:" not in shown
    long = ModelResponse(choices=[{"message": {"content": "x" * 100_000}}])
    assert len(long._repr_html_()) < 3000
