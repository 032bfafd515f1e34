"""`mock_response`, `mock_tool_calls`: the answer is said here, and nobody is asked.

https://docs.litellm.ai/docs/completion/mock_requests
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from sluice import exceptions
from sluice.asked import Asked
from sluice.course import Answered
from sluice.endpoints import CHAT, RESPONSES, TEXT
from sluice.exceptions import BadRequestError
from sluice.preparing import Ready, ready
from sluice.transport.sending import Said
from sluice.ways import Way, way_of

_encode = msgspec.json.Encoder().encode
NAMES = ("mock_response", "mock_tool_calls")
_RAISED: Mapping[str, type[exceptions.SluiceError]] = {
    "litellm.RateLimitError": exceptions.RateLimitError,
    "litellm.ContextWindowExceededError": exceptions.ContextWindowExceededError,
    "litellm.InternalServerError": exceptions.InternalServerError,
    "litellm.ContentPolicyViolationError": exceptions.ContentPolicyViolationError,
}
"""Texts that LiteLLM raises."""


def mocked(asked: Asked) -> Answered | None:
    """None: it is none. Raises what it is told to raise; BadRequestError for a text where no text is the answer."""
    if not any(name in asked.own for name in NAMES):
        return None
    said = asked.own.get("mock_response")
    if isinstance(said, Exception):
        raise said
    if isinstance(said, str) and said in _RAISED:
        raise _RAISED[said]("This is a mock error.", model=asked.model, llm_provider="openai")
    way = way_of(asked.model, asked.own)
    return said_here(asked, way, way.model, said)


def speaks(asked: Asked) -> bool:
    """Whether a text is an answer there."""
    return asked.endpoint in (CHAT, TEXT, RESPONSES)


def said_here(asked: Asked, way: Way, model: str, said: object) -> Answered:
    """A deployment's answer without asking it. Raises BadRequestError."""
    prepared = Ready(way, ready(asked, way, model).sending)
    whole = dict(said) if isinstance(said, Mapping) else _whole(asked, said)
    body = b"".join(_events(asked, whole)) if asked.stream else _encode(whole)
    kind = "text/event-stream" if asked.stream else "application/json"
    response = httpx.Response(200, headers={"content-type": kind}, content=body)
    return Answered(asked, prepared, model, Said(response, None if asked.stream else body))


def _whole(asked: Asked, said: object) -> dict[str, Any]:
    calls = asked.own.get("mock_tool_calls")
    if (said is not None and not isinstance(said, str)) or not speaks(asked):
        raise BadRequestError(
            f"`mock_response` of `{asked.endpoint.function}` is the answer's JSON, as a dict.", asked.model
        )
    text = said or ""
    if asked.endpoint is RESPONSES:
        return _response(asked, text)
    chats = asked.endpoint is CHAT
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = [_call(call, place) for place, call in enumerate(calls)]
    content = {"message": message} if chats else {"text": text}
    return {
        "id": f"{'chatcmpl' if chats else 'cmpl'}-{asked.call_id}",
        "object": "chat.completion" if chats else "text_completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "finish_reason": "tool_calls" if calls else "stop", **content}],
        "usage": _usage(text, "prompt_tokens", "completion_tokens"),
    }


def _response(asked: Asked, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {
        "id": "msg_mock",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    return {
        "id": f"resp_{asked.call_id}", "object": "response", "created_at": int(time.time()), "status": "completed",
        "model": asked.model, "output": [item], "usage": _usage(text, "input_tokens", "output_tokens"),
    }  # fmt: skip


def _usage(text: str, asked: str, answered: str) -> dict[str, int]:
    words = len(text.split())
    return {asked: 0, answered: words, "total_tokens": words}


def _call(call: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {"id": f"call_mock_{place}", "type": "function", **call}


def _events(asked: Asked, whole: Mapping[str, Any]) -> Iterator[bytes]:
    """The answer in pieces: a word each."""
    if asked.endpoint is RESPONSES:
        for item in whole.get("output") or ():
            for part in item.get("content") or ():
                for word in _words(part.get("text") or ""):
                    yield _event(
                        {"type": "response.output_text.delta", "item_id": item.get("id"), "delta": word}
                    )
        yield _event({"type": "response.completed", "response": whole})
        return
    chats = asked.endpoint is CHAT
    head = {name: whole.get(name) for name in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk" if chats else "text_completion"
    for choice in whole.get("choices") or ():
        yield from _of_choice(head, choice, chats=chats)
    if (asked.fields.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": whole.get("usage")})
    yield b"data: [DONE]\n\n"


def _of_choice(head: Mapping[str, Any], choice: Mapping[str, Any], *, chats: bool) -> Iterator[bytes]:
    message = choice.get("message") or {}
    place = choice.get("index", 0)
    pieces: Sequence[Mapping[str, Any]] = [{"content": word} for word in _words(message.get("content") or "")]
    if chats:
        calls = [{**call, "index": at} for at, call in enumerate(message.get("tool_calls") or ())]
        pieces = [{"role": "assistant", "content": ""}, *pieces, *([{"tool_calls": calls}] if calls else ())]
        said: list[dict[str, Any]] = [{"delta": piece} for piece in pieces]
    else:
        said = [{"text": word} for word in _words(choice.get("text") or "")]
    for each in said:
        yield _event({**head, "choices": [{"index": place, **each, "finish_reason": None}]})
    last: dict[str, Any] = {"delta": {}} if chats else {"text": ""}
    yield _event(
        {**head, "choices": [{"index": place, **last, "finish_reason": choice.get("finish_reason")}]}
    )


def _words(text: str) -> list[str]:
    words = text.split(" ")
    return [word for word in (*(f"{each} " for each in words[:-1]), words[-1]) if word]


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + _encode(value) + b"\n\n"
