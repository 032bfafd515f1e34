"""What chat's answers and chunks look like, as far as they are read.

https://platform.openai.com/docs/api-reference/chat/object and .../chat-streaming
"""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Called(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Called | None = None
    custom: Called | None = None
    provider_specific_fields: Raw = Raw()


class Thought(msgspec.Struct):
    type: str = "thinking"
    index: int | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class Message(msgspec.Struct):
    """A whole message, or what a chunk adds to it."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The same of other servers (Groq, OpenRouter, vLLM)."""
    thinking_blocks: list[Thought] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Called | None = None
    annotations: list[Raw] | None = None
    audio: Raw = Raw()
    provider_specific_fields: Specific | None = None


class Specific(msgspec.Struct):
    """What this gateway says of Anthropic's answers beside chat's own fields."""

    blocks: list[Raw] | None = None
    citations: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Logprobs(msgspec.Struct):
    content: Raw = Raw()
    refusal: Raw = Raw()


class Choice(msgspec.Struct):
    index: int = 0
    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Answer(msgspec.Struct):
    """A chunk, or a whole answer."""

    id: str | None = None
    model: str | None = None
    created: int = 0
    choices: list[Choice] | None = None
    usage: Raw = Raw()
    error: Raw = Raw()


class Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None


class Problem(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
