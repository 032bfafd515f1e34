"""There and back: what both languages can say comes back as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.translation import (
    chat_reader,
    chat_to_messages,
    chat_writer,
    messages_reader,
    messages_to_chat,
    messages_writer,
)
from proxy.providers.translation.chat_reader import ChatReader
from proxy.providers.translation.chat_words import Asked
from proxy.providers.translation.chat_writer import ChatWriter
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.messages_writer import MessagesWriter
from proxy.providers.translation.refusing import Terms
from proxy.providers.translation.stream import StreamTranslator
from tests.providers.translation.conftest import as_anthropic

ANTHROPIC, OPENAI = Terms("claude-sonnet-4-5", "anthropic"), Terms("gpt-5.1", "groq")
words = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() == text)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
ids = st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words
objects = st.dictionaries(words, scalars | st.lists(scalars, max_size=3), max_size=4)
pictures = st.sampled_from(["https://a.example/p.png", "data:image/png;base64,iVBORw0KGgo="])
counts = st.integers(0, 10**6)


def texts(max_size: int = 3) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(
        st.builds(lambda text: {"type": "text", "text": text}, words), min_size=1, max_size=max_size
    )


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """A chat of what Anthropic has as well, in the form that comes back."""
    messages: list[Any] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    for number in range(draw(st.integers(1, 3))):
        picture = {"type": "image_url", "image_url": {"url": draw(pictures)}}
        parts = [*draw(texts()), picture]
        messages.append({"role": "user", "content": draw(st.sampled_from([draw(words), parts]))})
        calls = [
            {
                "id": f"call_{number}_{n}",
                "type": "function",
                "function": {"name": draw(names), "arguments": json.dumps(draw(objects))},
            }
            for n in range(draw(st.integers(0, 2)))
        ]
        message: dict[str, Any] = {"role": "assistant", "content": draw(words)}
        messages.append({**message, "tool_calls": calls} if calls else message)
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in calls]
    request: dict[str, Any] = {"model": "m", "messages": messages, "max_tokens": draw(st.integers(1, 9999))}
    tools = draw(st.lists(names, unique=True, max_size=3))
    if tools:
        schema = {
            "type": "object",
            "properties": draw(st.dictionaries(names, st.just({"type": "string"}), max_size=2)),
        }
        request["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": schema}} for name in tools
        ]
        choice = st.sampled_from(
            ["auto", "required", "none", {"type": "function", "function": {"name": tools[0]}}]
        )
        request["tool_choice"] = draw(choice)
    more = {
        "stop": st.lists(words, min_size=1, max_size=3),
        "temperature": st.floats(0, 1),
        "top_p": st.floats(0, 1),
    }
    return {**request, **{name: draw(value) for name, value in more.items() if draw(st.booleans())}}


def said(body: bytes) -> Any:
    """With arguments as they are read."""
    request = json.loads(body)
    for message in request["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return request


@given(conversations())
def test_a_chat_to_anthropic_and_back(request_: dict[str, Any]) -> None:
    there, _, _ = chat_to_messages.request(json.dumps(request_).encode(), ANTHROPIC)
    back, _ = messages_to_chat.request(there, OPENAI)
    expected = said(json.dumps(request_).encode())
    assert _without_dummy(said(back)) == {**expected, "model": "gpt-5.1"}


def _without_dummy(request: dict[str, Any]) -> dict[str, Any]:
    """What stands in for the tools of a conversation that has calls and no tools."""
    names = [tool["function"]["name"] for tool in request.get("tools", ())]
    beside = ("tools", "tool_choice") if names == ["dummy_tool"] else ()
    return {name: value for name, value in request.items() if name not in beside}


@given(conversations())
def test_a_request_of_anthropics_to_chat_and_back(request_: dict[str, Any]) -> None:
    here, _, _ = chat_to_messages.request(json.dumps(request_).encode(), ANTHROPIC)
    there, _ = messages_to_chat.request(here, OPENAI)
    back, _, _ = chat_to_messages.request(there, ANTHROPIC)
    assert json.loads(back) == json.loads(here)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """A message of Claude's."""
    blocks: list[dict[str, Any]] = []
    if draw(st.booleans()):
        blocks.append({"type": "thinking", "thinking": draw(words), "signature": draw(words)})
    if draw(st.booleans()):
        blocks.append({"type": "redacted_thinking", "data": draw(words)})
    if draw(st.booleans()):
        blocks.append({"type": "text", "text": draw(words)})
    calls = draw(st.lists(st.tuples(names, objects), max_size=3))
    blocks += [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": given}
        for n, (name, given) in enumerate(calls)
    ]
    reason = draw(
        st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn", "stop_sequence"])
    )
    usage = {
        "input_tokens": draw(counts),
        "output_tokens": draw(counts),
        "cache_read_input_tokens": draw(counts),
        "cache_creation_input_tokens": draw(counts),
    }
    stop = draw(words) if reason == "stop_sequence" else None
    known = {"id": draw(ids), "type": "message", "role": "assistant", "model": draw(ids)}
    return {**known, "content": blocks, "stop_reason": reason, "stop_sequence": stop, "usage": usage}


@given(answers())
def test_an_answer_of_claudes_to_chat_and_back(message: dict[str, Any]) -> None:
    events = messages_reader.whole(json.dumps(message).encode())
    assert events is not None
    there = chat_writer.whole(events, Asked())
    again = chat_reader.whole(there)
    assert again is not None
    assert json.loads(messages_writer.whole(again)) == message


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A message, and the stream that brings it, cut into deltas at will."""
    message = draw(answers())
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        begun, deltas = _begun(block)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        for kind, name, text in deltas:
            at = draw(st.integers(0, len(text)))
            pieces = [text] if name == "signature" else [text[:at], text[at:]]
            events += [
                {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}}
                for piece in pieces
            ]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    events += [{"type": "message_delta", "delta": delta, "usage": message["usage"]}, {"type": "message_stop"}]
    return message, as_anthropic(events)


def _begun(block: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [("text_delta", "text", block["text"])]
    if block["type"] == "thinking":
        said = [
            ("thinking_delta", "thinking", block["thinking"]),
            ("signature_delta", "signature", block["signature"]),
        ]
        return {**block, "thinking": "", "signature": ""}, said
    if block["type"] == "tool_use":
        return {**block, "input": {}}, [("input_json_delta", "partial_json", json.dumps(block["input"]))]
    return block, []


@given(streams(), st.data())
def test_a_stream_of_claudes_to_chat_and_back(
    told: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    message, stream = told
    there = StreamTranslator(MessagesReader(), ChatWriter(Asked(usage=True)))
    back = StreamTranslator(ChatReader(), MessagesWriter())
    again = b""
    while stream:
        size = data.draw(st.integers(1, 4096))
        again += back.feed(there.feed(stream[:size]))
        stream = stream[size:]
    again += back.feed(there.finish()) + back.finish()
    assert _added_up(again) == message


def _added_up(stream: bytes) -> dict[str, Any]:
    message: dict[str, Any] = {}
    texts: dict[int, str] = {}
    for line in stream.split(b"\n"):
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            _add(message["content"][event["index"]], event["delta"], event["index"], texts)
        elif event["type"] == "message_delta":
            message |= event["delta"]
            message["usage"] = event["usage"]
    for index, text in texts.items():
        message["content"][index]["input"] = json.loads(text)
    return message


def _add(block: dict[str, Any], delta: dict[str, Any], index: int, texts: dict[int, str]) -> None:
    if delta["type"] == "input_json_delta":
        texts[index] = texts.get(index, "") + delta["partial_json"]
    else:
        name = delta["type"].removesuffix("_delta")
        block[name] += delta[name]
