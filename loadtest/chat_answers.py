"""What an untroubled upstream of chats says: it calls the tool that it is given, tells what that gave, and keeps to a
schema.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from loadtest.answers import DONE, JSON_TYPE, SSE_TYPE, Answer, Framing, RawRequest

USAGE = {"prompt_tokens": 25, "completion_tokens": 9, "total_tokens": 34}
CALLED = {"city": "Berlin"}
"""The arguments of each call, and what keeps to any schema here."""
_encode = msgspec.json.Encoder().encode


def chat_answer(request: RawRequest) -> Answer:
    """To what was asked at `/chat/completions`."""
    asked: dict[str, Any] = msgspec.json.decode(request.body)
    message, reason = _message(asked)
    envelope = {"id": "chatcmpl-mock", "created": 1_700_000_000, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {
            "index": 0,
            "message": {"role": "assistant", **message},
            "finish_reason": reason,
            "logprobs": None,
        }
        whole = {**envelope, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return Answer(headers=(JSON_TYPE,), body=_encode(whole))
    chunks: list[dict[str, object]] = [
        {"index": 0, "delta": delta, "finish_reason": None}
        for delta in ({"role": "assistant"}, *_deltas(message))
    ]
    chunks.append({"index": 0, "delta": {}, "finish_reason": reason})
    told = [{**envelope, "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks]
    if (asked.get("stream_options") or {}).get("include_usage"):
        told.append({**envelope, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    pieces = tuple(b"data: %b\n\n" % _encode(each) for each in told)
    return Answer(headers=(SSE_TYPE,), body=(*pieces, DONE), framing=Framing.CHUNKED)


def _message(asked: dict[str, Any]) -> tuple[dict[str, Any], str]:
    last, tools = asked["messages"][-1], asked.get("tools") or ()
    if last["role"] == "tool":
        return {"content": f"The tool says: {_text(last['content'])}."}, "stop"
    if tools and asked.get("tool_choice") != "none":
        function = {"name": tools[-1]["function"]["name"], "arguments": _encode(CALLED).decode()}
        return {
            "content": None,
            "tool_calls": [{"id": "call_mock", "type": "function", "function": function}],
        }, "tool_calls"
    if (asked.get("response_format") or {}).get("type") in ("json_schema", "json_object"):
        return {"content": _encode(CALLED).decode()}, "stop"
    return {"content": "Hello from a chat."}, "stop"


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index, call in enumerate(message.get("tool_calls") or ()):
        function, whole = call["function"], call["function"]["arguments"]
        begun = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [begun]}
        for piece in (whole[:5], whole[5:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    for word in (message["content"] or "").split(" "):
        if word:
            yield {"content": f"{word} " if not word.endswith(("}", ".")) else word}
