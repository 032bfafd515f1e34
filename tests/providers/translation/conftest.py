"""Streams and answers in two languages, and hypothesis's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

ANTHROPIC_STREAM: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 25, "output_tokens": 1, "cache_read_input_tokens": 5},
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "see."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "It's \"so\"\n"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "größer 🌍"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start", "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city": "B'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": 'erlin"}'}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "content_block_start", "index": 3,
        "content_block": {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    },
    {"type": "content_block_stop", "index": 3},
    {
        "type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 89, "output_tokens_details": {"thinking_tokens": 7}},
    },
    {"type": "message_stop"},
]  # fmt: skip


def as_anthropic(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def as_chat(chunks: list[dict[str, Any]], *, done: bool = True) -> bytes:
    said = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    return said + b"data: [DONE]\n\n" * done


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    known = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-6",
    }
    return {**known, "choices": [choice], **more}


CHAT_STREAM = [
    chunk({"role": "assistant", "content": "", "refusal": None}, system_fingerprint="fp_1", usage=None),
    chunk({"reasoning_content": "Let me see."}),
    chunk({"content": 'It\'s "so"\n'}),
    chunk({"content": "größer 🌍"}),
    chunk(
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": ""},
                }
            ]
        }
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "B'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": 'erlin"}'}}]}),
    chunk(
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "now", "arguments": "{}"},
                }
            ]
        }
    ),
    chunk({}, "tool_calls"),
    {
        **chunk({}),
        "choices": [],
        "usage": {
            "prompt_tokens": 30,
            "completion_tokens": 89,
            "total_tokens": 119,
            "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    },
]


@pytest.fixture
def anthropic_stream() -> bytes:
    return as_anthropic(ANTHROPIC_STREAM)


@pytest.fixture
def chat_stream() -> bytes:
    return as_chat(CHAT_STREAM)


def datas(stream: bytes) -> list[Any]:
    """Each event's data."""
    lines = (line[5:].strip() for line in stream.split(b"\n") if line.startswith(b"data:"))
    return [json.loads(line) if line != b"[DONE]" else "[DONE]" for line in lines]
