from __future__ import annotations

import json

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionToolParam, ChatCompletionUserMessageParam

HELLO: ChatCompletionUserMessageParam = {"role": "user", "content": "Hello there"}
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def test_an_answer_echoes_and_its_usage_adds_up(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="gpt-4o", messages=[HELLO])
    assert completion.id.startswith("chatcmpl-")
    assert completion.model == "gpt-4o"
    assert "Hello there" in (completion.choices[0].message.content or "")
    assert completion.choices[0].finish_reason == "stop"
    usage = completion.usage
    assert usage is not None
    assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens


def test_a_stream_says_the_same_in_pieces(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="gpt-4o", messages=[HELLO])
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[HELLO], stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_only_when_asked_for(http: httpx.Client) -> None:
    body = {"model": "gpt-4o", "messages": [HELLO], "stream": True}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "usage" not in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


def test_n_choices(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="gpt-4o", messages=[HELLO], n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    stream = client.chat.completions.create(model="gpt-4o", messages=[HELLO], n=3, stream=True)
    ends = [chunk.choices[0].index for chunk in stream if chunk.choices[0].finish_reason]
    assert ends == [0, 1, 2]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_ends_it(client: openai.OpenAI, limit: str) -> None:
    completion = client.chat.completions.create(model="gpt-4o", messages=[HELLO], extra_body={limit: 2})
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 2


def test_a_tool_call_and_its_answer(client: openai.OpenAI) -> None:
    question: ChatCompletionUserMessageParam = {"role": "user", "content": "The weather in Rome?"}
    called = client.chat.completions.create(model="gpt-4o", messages=[question], tools=[WEATHER])
    assert called.choices[0].finish_reason == "tool_calls"
    message = called.choices[0].message
    assert message.content is None
    call = (message.tool_calls or [])[0]
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "Rome"}
    answered = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            question,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ],
        tools=[WEATHER],
    )
    assert "sunny" in (answered.choices[0].message.content or "")


def test_a_streamed_tool_call(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[HELLO], tools=[WEATHER], tool_choice="required", stream=True
    )
    chunks = list(stream)
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert calls[0].id is not None
    assert calls[0].function is not None
    assert calls[0].function.name == "get_weather"
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert json.loads(arguments) == {"city": "Paris"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_json_mode(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-4o", messages=[HELLO], response_format={"type": "json_object"}
    )
    assert json.loads(completion.choices[0].message.content or "")["you_wrote"] == "Hello there"


def test_parts_with_an_image(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                ],
            }
        ],
    )
    assert "What is this?" in (completion.choices[0].message.content or "")


@pytest.mark.parametrize("extra", [{"n": 0}, {"n": 129}, {"stream_options": {"include_usage": True}}])
def test_what_the_api_refuses(client: openai.OpenAI, extra: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", messages=[HELLO], extra_body=extra)
