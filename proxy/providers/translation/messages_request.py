"""The fields of a request in Anthropic's language, as far as another dialect must read them. What is not named here is
refused by name.

https://platform.claude.com/docs/en/api/messages/create
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation.chat_request import Strict


class Source(Strict):
    """Of a picture or a document."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: str | list[Block] | None = None


class Citations(Strict):
    enabled: bool | None = None


class Block(Strict):
    """Of a message's content; `type` decides which fields it has."""

    type: str
    text: str | None = None
    source: Source | str | None = None
    """A text in a search result: where it is from."""
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    content: str | list[Block] | dict[str, Raw] | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    title: str | None = None
    context: str | None = None
    citations: Citations | list[Raw] | None = None
    cache_control: Raw = Raw()
    caller: Raw = Raw()
    toolset_name: str | None = None
    tool_name: str | None = None
    transformations: Raw = Raw()


class Turn(Strict):
    role: str
    content: str | list[Block]


class Tool(Strict):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    strict: bool | None = None
    cache_control: Raw = Raw()
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None
    input_examples: Raw = Raw()
    eager_input_streaming: bool | None = None


class ToolKind(msgspec.Struct):
    type: str | None = None


class ToolChoice(Strict):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Strict):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class Format(Strict):
    type: str
    schema: Raw = Raw()


class Output(Strict):
    effort: str | None = None
    format: Format | None = None


class Metadata(Strict):
    user_id: str | None = None
