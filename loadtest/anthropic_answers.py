"""What an untroubled upstream of Anthropic's says: it thinks where it is asked to, calls the tool that it is given, and
tells what the tool gave.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer, Framing, RawRequest

TOKENS = {
    "input_tokens": 20,
    "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 0,
    "output_tokens": 9,
}
REQUEST_ID = (b"request-id", b"req_mock")
_encode = msgspec.json.Encoder().encode


def anthropic_answer(request: RawRequest) -> Answer:
    """To what was asked at `/messages` or `/messages/count_tokens`."""
    asked: dict[str, Any] = msgspec.json.decode(request.body)
    if request.target.endswith(b"/count_tokens"):
        return Answer(headers=(JSON_TYPE, REQUEST_ID), body=_encode({"input_tokens": 42}))
    if "max_tokens" not in asked:
        return anthropic_error(400, "invalid_request_error", "max_tokens: Field required")
    blocks = _blocks(asked)
    reason = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
    message = {
        "id": "msg_mock", "type": "message", "role": "assistant", "model": asked["model"], "content": blocks,
        "stop_reason": reason, "stop_sequence": None, "usage": TOKENS,
    }  # fmt: skip
    if not asked.get("stream"):
        return Answer(headers=(JSON_TYPE, REQUEST_ID), body=_encode(message))
    events = tuple(map(as_event, _events(message)))
    return Answer(headers=(SSE_TYPE, REQUEST_ID), body=events, framing=Framing.CHUNKED)


def anthropic_error(status: int, kind: str, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"}
    return Answer(status, (JSON_TYPE, REQUEST_ID, *headers), _encode(body))


def as_event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _encode(event))


def _blocks(asked: dict[str, Any]) -> list[dict[str, Any]]:
    thinks = asked.get("thinking", {}).get("type") in ("enabled", "adaptive")
    thought = {"type": "thinking", "thinking": "Let me think.", "signature": "c2lnbmVk"}
    given = _given(asked["messages"][-1])
    tools = [tool for tool in asked.get("tools", ()) if "input_schema" in tool]
    said: dict[str, Any]
    if given:
        said = {"type": "text", "text": f"The tool says: {' and '.join(given)}."}
    elif tools and asked.get("tool_choice", {}).get("type") != "none":
        said = {
            "type": "tool_use",
            "id": "toolu_mock",
            "name": tools[-1]["name"],
            "input": {"city": "Berlin"},
        }
    else:
        formatted = "format" in asked.get("output_config", {})
        said = {"type": "text", "text": '{"city":"Berlin"}' if formatted else "Hello from Claude."}
    return [thought, said] if thinks else [said]


def _given(message: dict[str, Any]) -> list[str]:
    """By the tools."""
    content = message["content"]
    results = [block for block in content if isinstance(block, dict) and block["type"] == "tool_result"]
    return ["".join(part.get("text", "") for part in _parts(block)) for block in results]


def _parts(block: dict[str, Any]) -> list[dict[str, Any]]:
    content = block.get("content", "")
    return [{"text": content}] if isinstance(content, str) else content


def _events(message: dict[str, Any]) -> list[dict[str, Any]]:
    start = {**message, "content": [], "stop_reason": None, "usage": {**TOKENS, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        events += [{"index": index, **event} for event in _block_events(block)]
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": TOKENS["output_tokens"]}}
    return [*events, last, {"type": "message_stop"}]


def _block_events(block: dict[str, Any]) -> list[dict[str, Any]]:
    kind = block["type"]
    begun: dict[str, Any]
    if kind == "text":
        begun, deltas = {"text": ""}, [{"type": "text_delta", "text": word} for word in _words(block["text"])]
    elif kind == "thinking":
        begun = {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": word} for word in _words(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        begun = {"input": {}}
        text = _encode(block["input"]).decode()
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (text[:5], text[5:])]
    return [
        {"type": "content_block_start", "content_block": {**block, **begun}},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def _words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]
