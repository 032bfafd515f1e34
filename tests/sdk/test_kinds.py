"""Each function once, in threads, under asyncio and under trio: what is sent, and what comes back."""

from __future__ import annotations

import io
from typing import Any

import httpx
import msgspec
import openai
import pytest

import sluice
from loadtest.answers import SSE_TYPE, Answer, chat
from sluice import exceptions
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def answers(upstream: Upstream, body: object) -> None:
    upstream.script(Answer(body=msgspec.json.encode(body)))


def where(upstream: Upstream) -> dict[str, Any]:
    return {"api_base": upstream.base, "api_key": "k"}


def sent(upstream: Upstream) -> Any:
    return msgspec.json.decode(upstream.requests[-1].body)


def test_tools(mode: Mode, upstream: Upstream) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    answers(upstream, {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    messages: list[Any] = [{"role": "user", "content": "Oslo?"}]
    answer = mode.call("completion", "gpt-4o", messages, tools=[TOOL], tool_choice="auto", **where(upstream))
    call = answer.choices[0].message.tool_calls[0]
    assert (call.id, call.function.name) == ("call_1", "weather")
    assert sent(upstream)["tools"] == [TOOL]
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sun"}]
    mode.call("completion", "gpt-4o", messages, **where(upstream))
    assert sent(upstream)["messages"][1] == message


def test_a_json_schema_and_a_class(mode: Mode, upstream: Upstream) -> None:
    pydantic = pytest.importorskip("pydantic")
    city = pydantic.create_model("City", name=(str, ...), people=(int | None, None))
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    mode.call("completion", "gpt-4o", [], response_format=schema, **where(upstream))
    assert sent(upstream)["response_format"] == schema
    mode.call("completion", "gpt-4o", [], response_format=city, **where(upstream))
    said = sent(upstream)["response_format"]["json_schema"]
    assert (said["name"], said["strict"]) == ("City", True)
    assert said["schema"]["required"] == ["name", "people"]
    assert said["schema"]["additionalProperties"] is False


def test_vision(mode: Mode, upstream: Upstream) -> None:
    content = [{"type": "text", "text": "What is it?"}, PICTURE]
    mode.call("completion", "gpt-4o", [{"role": "user", "content": content}], **where(upstream))
    assert sent(upstream)["messages"][0]["content"] == content


def test_embedding(mode: Mode, upstream: Upstream) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}]
    answers(upstream, {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 2}})
    answer = mode.call(
        "embedding", "text-embedding-3-small", ["good morning"], dimensions=2, **where(upstream)
    )
    assert answer.data[0].embedding == answer["data"][0]["embedding"] == [0.5, -1.0]
    assert answer._response_headers["content-type"] == "application/json"
    assert upstream.requests[0].target == b"/v1/embeddings"
    assert sent(upstream) == {"model": "text-embedding-3-small", "input": ["good morning"], "dimensions": 2}


def test_text_completion(mode: Mode, upstream: Upstream) -> None:
    answers(upstream, {"object": "text_completion", "choices": [{"index": 0, "text": "on"}]})
    answer = mode.call("text_completion", "text-completion-openai/davinci", "Go", **where(upstream))
    assert answer.choices[0].text == "on"
    assert (upstream.requests[0].target, sent(upstream)["model"]) == (b"/v1/completions", "davinci")


def test_responses_whole_and_streamed(mode: Mode, upstream: Upstream) -> None:
    part = {"type": "output_text", "text": "Hi"}
    whole = {
        "id": "resp_1",
        "status": "completed",
        "output": [{"type": "message", "content": [part]}],
        "error": None,
    }
    answers(upstream, whole)
    answer = mode.call("responses", "gpt-4o", "Hello", metadata={"a": "b"}, **where(upstream))
    assert answer.output_text == "Hi"
    assert sent(upstream) == {"model": "gpt-4o", "input": "Hello", "metadata": {"a": "b"}}
    events = [
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.completed", "response": whole},
    ]
    pieces = b"".join(
        b"event: %b\ndata: %b\n\n" % (str(each["type"]).encode(), msgspec.json.encode(each))
        for each in events
    )
    upstream.script(Answer(headers=(SSE_TYPE,), body=pieces))
    got = mode.call("responses", "gpt-4o", "Hello", stream=True, **where(upstream))
    assert [event.type for event in got] == [each["type"] for each in events]
    assert got[1].response.output_text == "Hi"


def test_image_generation(mode: Mode, upstream: Upstream) -> None:
    answers(upstream, {"created": 1, "data": [{"url": "https://x.test/1.png"}]})
    answer = mode.call("image_generation", "a cat", "dall-e-3", size="1024x1024", **where(upstream))
    assert answer.data[0].url == "https://x.test/1.png"
    assert sent(upstream) == {"model": "dall-e-3", "prompt": "a cat", "size": "1024x1024"}


def test_speech(mode: Mode, upstream: Upstream) -> None:
    upstream.script(Answer(headers=((b"content-type", b"audio/mpeg"),), body=b"\xff\xfbsound"))
    answer = mode.call("speech", "tts-1", "Hello", "alloy", **where(upstream))
    assert answer.read() == b"\xff\xfbsound"
    assert sent(upstream) == {"model": "tts-1", "input": "Hello", "voice": "alloy"}


@pytest.mark.parametrize("again", [False, True], ids=["once", "after a failure"])
def test_transcription(mode: Mode, upstream: Upstream, again: bool) -> None:
    if again:
        upstream.script(Answer(500))
    answers(upstream, {"text": "Hello"})
    file = io.BytesIO(b"RIFFsound")
    file.name = "a.wav"
    answer = mode.call(
        "transcription", "whisper-1", file, timestamp_granularities=["word"], temperature=0, **where(upstream)
    )
    assert answer.text == "Hello"
    request = upstream.requests[-1]
    assert (request.header(b"content-type") or b"").startswith(b"multipart/form-data; boundary=")
    for part in (
        b'name="model"\r\n\r\nwhisper-1',
        b'name="timestamp_granularities[]"\r\n\r\nword',
        b"RIFFsound",
    ):
        assert part in request.body


def test_transcription_as_plain_text(mode: Mode, upstream: Upstream) -> None:
    upstream.script(Answer(headers=((b"content-type", b"text/plain"),), body=b"Hello\n"))
    answer = mode.call("transcription", "whisper-1", b"sound", response_format="text", **where(upstream))
    assert answer.text == "Hello\n"


def test_moderation(mode: Mode, upstream: Upstream) -> None:
    answers(upstream, {"id": "m", "results": [{"flagged": True, "categories": {"harassment": True}}]})
    answer = mode.call("moderation", "you!", **where(upstream))
    assert answer.results[0].flagged is True
    assert sent(upstream) == {"model": "omni-moderation-latest", "input": "you!"}


def test_several_conversations(mode: Mode, upstream: Upstream) -> None:
    upstream.script(lambda request: Answer(400) if b"bad" in request.body else chat())
    conversations = [[{"role": "user", "content": text}] for text in ("a", "bad", "c")]
    found = mode.call("batch_completion", "gpt-4o", conversations, **where(upstream))
    assert [type(each).__name__ for each in found] == ["ModelResponse", "BadRequestError", "ModelResponse"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_mocked(mode: Mode, stream: bool) -> None:
    got = mode.call("completion", "gpt-4o", [], mock_response="It is so", stream=stream)
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "It is so"
        assert got[-1].choices[0].finish_reason == "stop"
    else:
        assert got.choices[0].message.content == "It is so"


def test_mocked_calls_and_errors(mode: Mode) -> None:
    got = mode.call("completion", "gpt-4o", [], mock_tool_calls=[{"function": CALL["function"]}])
    assert got.choices[0].message.tool_calls[0].function.name == "weather"
    for said, kind in ((ValueError("x"), ValueError), ("litellm.RateLimitError", exceptions.RateLimitError)):
        with pytest.raises(kind):
            mode.call("completion", "gpt-4o", [], mock_response=said)


def test_settings_of_the_module(mode: Mode, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_API_BASE", upstream.base)
    monkeypatch.setenv("OPENAI_ORGANIZATION", "org-environment")

    def ask(**more: Any) -> dict[bytes, bytes]:
        mode.call("completion", "gpt-4o", [], **more)
        return {name.lower(): value for name, value in upstream.requests[-1].headers}

    headers = ask()
    assert (headers[b"authorization"], headers[b"openai-organization"]) == (
        b"Bearer sk-environment",
        b"org-environment",
    )
    sluice.api_key, sluice.organization, sluice.headers = "sk-module", "org-module", {"Helicone-Auth": "h"}
    headers = ask()
    assert (headers[b"authorization"], headers[b"openai-organization"]) == (
        b"Bearer sk-module",
        b"org-module",
    )
    assert headers[b"helicone-auth"] == b"h"
    sluice.openai_key = "sk-openai"
    assert ask()[b"authorization"] == b"Bearer sk-openai"
    headers = ask(
        api_key="sk-own",
        organization="org-own",
        project="proj",
        extra_headers={"AI-Resource": "r"},
        headers={"H": "1"},
    )
    assert (headers[b"authorization"], headers[b"openai-organization"]) == (b"Bearer sk-own", b"org-own")
    assert (headers[b"openai-project"], headers[b"ai-resource"], headers[b"h"]) == (b"proj", b"r", b"1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-changed")
    sluice.openai_key = sluice.api_key = None
    assert ask()[b"authorization"] == b"Bearer sk-changed"


def test_extra_query_and_body(mode: Mode, upstream: Upstream) -> None:
    mode.call(
        "completion", "gpt-4o", [], extra_query={"a": "b c"}, extra_body={"top_k": 3}, **where(upstream)
    )
    assert upstream.requests[0].target == b"/v1/chat/completions?a=b+c"
    assert sent(upstream) == {"model": "gpt-4o", "messages": [], "top_k": 3}


def test_what_is_not_the_providers_is_not_sent(mode: Mode, upstream: Upstream) -> None:
    mode.call(
        "completion", "gpt-4o", [], user="u", metadata={"mine": 1}, input_cost_per_token=0.1, num_retries=1,
        caching=True, temperature=None, **where(upstream),
    )  # fmt: skip
    assert sent(upstream) == {"model": "gpt-4o", "messages": [], "user": "u"}


def test_drop_params(mode: Mode, upstream: Upstream) -> None:
    more = {"logit_bias": {"1": 1}, **where(upstream)}
    with pytest.raises(exceptions.UnsupportedParamsError, match="logit_bias"):
        mode.call("completion", "groq/llama", [], **more)
    mode.call("completion", "groq/llama", [], drop_params=True, **more)
    sluice.drop_params = True
    mode.call("completion", "groq/llama", [], **more)
    assert [b"logit_bias" in request.body for request in upstream.requests] == [False, False]


def test_a_client_of_ones_own(upstream: Upstream) -> None:
    with httpx.Client(headers={"x-mine": "1"}) as mine:
        sluice.client_session = mine
        sluice.completion("gpt-4o", [], **where(upstream))
        sluice.client_session = None
        sluice.completion("gpt-4o", [], client=mine, **where(upstream))
    sluice.completion("gpt-4o", [], **where(upstream))
    assert [request.header(b"x-mine") for request in upstream.requests] == [b"1", b"1", None]


def test_an_asynchronous_client_of_ones_own(loop: Mode, upstream: Upstream) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(headers={"x-mine": "1"}) as mine:
            sluice.aclient_session = mine
            await sluice.acompletion("gpt-4o", [], **where(upstream))

    loop.run(main)
    assert upstream.requests[0].header(b"x-mine") == b"1"


def test_a_client_of_openais(upstream: Upstream) -> None:
    with openai.OpenAI(api_key="sk-theirs", base_url=upstream.base) as client:
        sluice.completion("gpt-4o", [], client=client)
    assert upstream.requests[0].header(b"authorization") == b"Bearer sk-theirs"
