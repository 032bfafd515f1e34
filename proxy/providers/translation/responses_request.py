"""The fields of a request to /responses, as far as another dialect must read them. What is not named here is refused by
name.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation.chat_request import Breakpoint, Place, Strict


class Part(Strict):
    """Of a message's content, or of what a tool gave."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    annotations: Raw = Raw()
    logprobs: Raw = Raw()
    prompt_cache_breakpoint: Breakpoint | None = None


class Thought(Strict):
    type: str
    text: str = ""


class Item(Strict):
    """Of the input; `type` decides which fields it has."""

    type: str = "message"
    id: str | None = None
    role: str | None = None
    content: str | list[Part] | None = None
    status: str | None = None
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: str | list[Part] | None = None
    summary: list[Thought] | None = None
    encrypted_content: str | None = None


class ItemKind(msgspec.Struct):
    type: str = "message"


class CustomFormat(Strict):
    type: str = "text"
    syntax: str | None = None
    definition: str | None = None


class Tool(Strict):
    type: str
    name: str = ""
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    format: CustomFormat | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None


class UserLocation(Place):
    type: str = "approximate"


class SearchTool(Strict):
    type: str
    search_context_size: str | None = None
    user_location: UserLocation | None = None
    external_web_access: bool | None = None


class ToolChoice(Strict):
    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[dict[str, Raw]] | None = None


class Reasoning(Strict):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    mode: str | None = None
    context: str | None = None


class Format(Strict):
    type: str
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class Text(Strict):
    format: Format | None = None
    verbosity: str | None = None
