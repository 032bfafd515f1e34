from __future__ import annotations

import json

import msgspec
import pytest

from proxy.errors import CannotSay, GatewayError
from proxy.providers.text_completion import StreamTranslator, answer, request
from proxy.types import Parameters


def asked(**fields: object) -> dict[str, object]:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    translated: dict[str, object] = json.loads(request(json.dumps(body).encode()))
    return translated


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([{"role": "user", "content": "Hi"}], "Hi"),
        ([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi é"}], "Be kind.\nHi é"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "ab"),
        ([{"role": "assistant", "content": None}, {"role": "user"}, {"role": "user", "content": "x"}], "x"),
    ],
)
def test_messages_become_a_prompt(messages: list[object], prompt: str) -> None:
    assert asked(messages=messages) == {"model": "m", "prompt": prompt}


def test_fields_of_completions_stay_and_those_of_chat_go() -> None:
    kept = {
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
        "top_k": 5,
        "echo": True,
    }
    chat = {
        "tools": [],
        "response_format": {"type": "text"},
        "store": False,
        "metadata": {},
        "tool_choice": "auto",
    }
    assert asked(**kept, **chat) == {"model": "m", "prompt": "Hi", **kept}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "f"}}]),
        ("response_format", {"type": "json_object"}),
        ("reasoning_effort", "low"),
        ("store", True),
        ("web_search_options", {}),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_what_completions_cannot_give_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(CannotSay) as refused:
        asked(**{name: value})
    assert (refused.value.param, refused.value.code) == (name, "unsupported_parameter")
    body = json.dumps({"messages": [{"content": "Hi"}], name: value}).encode()
    assert name.encode() not in request(body, Parameters(drops=True))
    assert name.encode() in request(body, Parameters(allowed=frozenset({name})))


def test_values_stay_as_they_were_written() -> None:
    assert b'"temperature":0.50' in request(b'{"temperature":0.50,"messages":[{"content":"x"}]}')


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 7, "max_tokens": 9}, {"max_tokens": 7}),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": 3}),
        ({"logprobs": True}, {"logprobs": 0}),
        ({"logprobs": False}, {"logprobs": None}),
        ({"logprobs": 2}, {"logprobs": 2}),
    ],
)
def test_fields_with_another_name(fields: dict[str, object], expected: dict[str, object]) -> None:
    assert asked(**fields) == {"model": "m", "prompt": "Hi", **expected}


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "Hi",
        [1],
        [{"content": 5}],
        [{"content": [{"type": "image_url", "image_url": {"url": "https://h"}}]}],
        [{"content": [{"text": "no type"}]}],
        [{"content": None, "tool_calls": [{"id": "a"}]}],
    ],
)
def test_what_is_not_text_is_the_clients_fault(messages: object) -> None:
    with pytest.raises(GatewayError) as caught:
        asked(messages=messages)
    assert (caught.value.status, caught.value.param) == (400, "messages")


def test_a_request_without_messages_and_one_that_is_no_object() -> None:
    with pytest.raises(GatewayError):
        request(b"{}")
    with pytest.raises(msgspec.DecodeError):
        request(b"[]")


COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 5,
    "model": "gpt-3.5-turbo-instruct",
    "system_fingerprint": "fp",
    "choices": [
        {"text": " Hé\n", "index": 0, "logprobs": None, "finish_reason": "stop"},
        {"text": "there", "index": 1, "finish_reason": "length"},
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def test_a_whole_answer() -> None:
    found = json.loads(answer(json.dumps(COMPLETION).encode()))
    said = [{"role": "assistant", "content": text, "refusal": None} for text in (" Hé\n", "there")]
    assert found == {
        **COMPLETION,
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": said[0], "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "message": said[1], "finish_reason": "length"},
        ],
    }


def test_logprobs_take_the_shape_of_chat() -> None:
    logprobs = {
        "tokens": [" a", "b"],
        "token_logprobs": [-0.5, -1.0],
        "top_logprobs": [{" a": -0.5, " c": -2.0}, None],
        "text_offset": [0, 2],
    }
    body = json.dumps({"choices": [{"text": " ab", "index": 0, "logprobs": logprobs}]}).encode()
    assert json.loads(answer(body))["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": " a",
                "logprob": -0.5,
                "bytes": None,
                "top_logprobs": [
                    {"token": " a", "logprob": -0.5, "bytes": None},
                    {"token": " c", "logprob": -2.0, "bytes": None},
                ],
            },
            {"token": "b", "logprob": -1.0, "bytes": None, "top_logprobs": []},
        ],
        "refusal": None,
    }


def test_logprobs_of_another_shape_stay() -> None:
    body = b'{"choices":[{"text":"a","index":0,"logprobs":{"content":[]}}]}'
    assert json.loads(answer(body))["choices"][0]["logprobs"] == {"content": []}


@pytest.mark.parametrize(
    "body",
    [
        b'{ "error": {"message": "no", "type": "server_error", "param": null, "code": null} }',
        b"<html>502</html>",
        b"",
        b"[1]",
        b'{"choices":1}',
    ],
)
def test_errors_and_the_unknown_pass_unchanged(body: bytes) -> None:
    assert answer(body) is body


def chunk(text: str, index: int = 0, finish_reason: str | None = None) -> bytes:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
    body = {"id": "cmpl-1", "object": "text_completion", "created": 5, "choices": [choice], "model": "m"}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def deltas(stream: bytes) -> list[dict[str, object]]:
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n")[:-1]]
    chunks = [json.loads(event) for event in events if event != b"[DONE]"]
    assert {one["object"] for one in chunks} <= {"chat.completion.chunk"}
    return [choice for one in chunks for choice in one["choices"]]


STREAM = chunk("He") + chunk("llo") + chunk("", finish_reason="stop") + b"data: [DONE]\n\n"


def test_a_stream() -> None:
    translator = StreamTranslator()
    found = translator.feed(STREAM) + translator.finish()
    rest = {"index": 0, "logprobs": None}
    assert deltas(found) == [
        {**rest, "delta": {"role": "assistant", "content": "He"}, "finish_reason": None},
        {**rest, "delta": {"content": "llo"}, "finish_reason": None},
        {**rest, "delta": {"content": ""}, "finish_reason": "stop"},
    ]
    assert found.endswith(b"\n\ndata: [DONE]\n\n")


def test_every_split_gives_the_same_stream() -> None:
    whole = StreamTranslator().feed(STREAM)
    for cut in range(len(STREAM)):
        translator = StreamTranslator()
        assert translator.feed(STREAM[:cut]) + translator.feed(STREAM[cut:]) == whole


def test_each_choice_begins_with_its_role() -> None:
    found = deltas(StreamTranslator().feed(chunk("a", 0) + chunk("b", 1) + chunk("c", 1)))
    assert [choice["delta"] for choice in found] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"content": "c"},
    ]


def test_the_usage_chunk_is_kept() -> None:
    usage = b'data: {"id":"cmpl-1","object":"text_completion","choices":[],"usage":{"total_tokens":3}}\n\n'
    found = StreamTranslator().feed(usage)
    assert found == usage.replace(b"text_completion", b"chat.completion.chunk")


def test_an_error_in_the_stream_passes_unchanged() -> None:
    error = b'data: {"error": {"message": "overloaded"}}\n\n'
    assert StreamTranslator().feed(error) == error
    assert StreamTranslator().feed(b"data: two\ndata: lines\n\n") == b"data: two\ndata: lines\n\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b"", b""),
        (b"data: [DONE]", b"data: [DONE]\n\n"),
        (b"data: [DONE]\n", b"data: [DONE]\n\n"),
        (b"data: [DO", b""),
        (b'data: {"error":{}}', b'data: {"error":{}}\n\n'),
        (b'data: {"id":"cmpl-1","choi', b""),
    ],
)
def test_finish_passes_what_is_whole_and_invents_nothing(rest: bytes, expected: bytes) -> None:
    translator = StreamTranslator()
    assert translator.feed(chunk("a") + rest).endswith(b"\n\n")
    assert translator.finish() == expected
