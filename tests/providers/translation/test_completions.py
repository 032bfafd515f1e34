"""/completions over models that only chat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai._models import construct_type
from openai.types import Completion

from proxy.errors import GatewayError
from proxy.providers.translation import chat_reader, completions
from proxy.providers.translation.chat_reader import ChatReader
from proxy.providers.translation.chat_words import Asked
from proxy.providers.translation.completions import CompletionsReader, CompletionsWriter
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.messages_writer import MessagesWriter
from proxy.providers.translation.refusing import Terms
from proxy.providers.translation.stream import StreamTranslator
from tests.providers.translation.conftest import ANTHROPIC_STREAM, as_anthropic, as_chat, chunk, datas

TOKENS = [
    {
        "token": "Hi",
        "logprob": -0.5,
        "bytes": None,
        "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": None}],
    }
]


def test_a_prompt_is_a_message() -> None:
    request = {
        "model": "m",
        "prompt": ["Say hi"],
        "max_tokens": 5,
        "logprobs": 2,
        "stop": "x",
        "n": 2,
        "echo": False,
    }
    body, asked = completions.request(json.dumps(request).encode(), Terms("gpt", "groq"))
    assert json.loads(body) == {
        "model": "gpt", "messages": [{"role": "user", "content": "Say hi"}], "logprobs": True, "top_logprobs": 2,
        "max_tokens": 5, "stop": "x", "n": 2,
    }  # fmt: skip
    assert asked == Asked()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt[0]"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"prompt": None}, "prompt"),
    ],
)
def test_what_a_chat_has_no_word_for_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        completions.request(json.dumps({"prompt": "x", **fields}).encode(), Terms("gpt", "groq"))
    assert refused.value.param == param


def test_a_chats_stream_as_completions() -> None:
    one = chunk({"role": "assistant", "content": "Hi"})
    one["choices"][0]["logprobs"] = {"content": TOKENS, "refusal": None}
    other = chunk({"content": "Yo"})
    other["choices"][0]["index"] = 1
    usage = {
        **chunk({}),
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    translator = StreamTranslator(ChatReader(), CompletionsWriter(Asked(usage=True)))
    *chunks, done = datas(translator.feed(as_chat([one, other, chunk({}, "stop"), usage])))
    assert done == "[DONE]"
    first, second, end, used = (construct_type(type_=Completion, value=each) for each in chunks)
    assert (first.choices[0].text, second.choices[0].index) == ("Hi", 1)
    assert first.choices[0].logprobs is not None
    assert first.choices[0].logprobs.tokens == ["Hi"]
    assert end.choices[0].finish_reason == "stop"
    assert used.usage is not None
    assert used.usage.total_tokens == 3


def test_claude_completes_text() -> None:
    translator = StreamTranslator(MessagesReader(), CompletionsWriter())
    *chunks, _ = datas(translator.feed(as_anthropic(ANTHROPIC_STREAM)))
    assert "".join(each["choices"][0]["text"] for each in chunks) == 'It\'s "so"\ngrößer 🌍'


def test_a_whole_chat_as_a_completion_and_back() -> None:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Hi"},
        "logprobs": {"content": TOKENS},
    }
    chat = {
        "id": "c",
        "created": 7,
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    events = chat_reader.whole(json.dumps(chat).encode())
    assert events is not None
    body = completions.answer(events, Asked())
    said = Completion.model_validate_json(body)
    assert said.choices[0].text == "Hi"
    assert said.choices[0].logprobs is not None
    assert said.choices[0].logprobs.top_logprobs == [{"Hi": -0.5}]
    back = completions.whole(body)
    assert back is not None
    assert completions.answer(back, Asked()) == body


def test_a_stream_of_completions_for_a_client_of_anthropic() -> None:
    chunks = [
        {"id": "c", "model": "m", "choices": [{"index": 0, "text": "Hi", "finish_reason": None}]},
        {"id": "c", "model": "m", "choices": [{"index": 0, "text": "", "finish_reason": "length"}]},
    ]
    translator = StreamTranslator(CompletionsReader(), MessagesWriter())
    events = datas(translator.feed(as_chat(chunks)))
    assert [event["type"] for event in events] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
