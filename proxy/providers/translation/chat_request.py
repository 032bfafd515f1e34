"""A chat request's fields, as far as another dialect must read them. Whatever is not named here is refused by name.

https://platform.openai.com/docs/api-reference/chat/create; what is not OpenAI's is LiteLLM's:
https://docs.litellm.ai/docs/reasoning_content and .../completion/prompt_caching
"""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is not known is an error that names it."""


class Breakpoint(Strict):
    mode: str
    ttl: str | None = None


class ImageUrl(Strict):
    url: str
    detail: str | None = None
    format: str | None = None
    """LiteLLM's: the media type, where the URL does not say it."""


class FileOf(Strict):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None
    format: str | None = None


class Part(Strict):
    """Of a message's content."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    file: FileOf | None = None
    input_audio: Raw = Raw()
    prompt_cache_breakpoint: Breakpoint | None = None
    cache_control: Raw = Raw()
    citations: Raw = Raw()
    """LiteLLM's, of a document or a text: `{"enabled": true}`."""
    thinking: str | None = None
    signature: str | None = None


class Function(Strict):
    name: str
    arguments: str = ""
    parsed_arguments: Raw = Raw()
    """What OpenAI's SDKs have made of the arguments, and send back with them."""


class Custom(Strict):
    name: str
    input: str = ""


class ToolCall(Strict):
    id: str = ""
    type: str = "function"
    function: Function | None = None
    custom: Custom | None = None
    index: int | None = None
    provider_specific_fields: Raw = Raw()
    cache_control: Raw = Raw()


class Message(Strict):
    """Of any role."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: Function | None = None
    refusal: str | None = None
    audio: Raw = Raw()
    cache_control: Raw = Raw()
    parsed: Raw = Raw()
    """What OpenAI's SDKs have made of the content."""
    annotations: Raw = Raw()
    """Of an answer that is sent back: said to the client, not to the model."""
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Raw = Raw()
    thinking_blocks: list[Raw] | None = None
    provider_specific_fields: Raw = Raw()
    is_error: bool | None = None


class FunctionTool(Strict):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class CustomFormat(Strict):
    type: str = "text"
    grammar: Raw = Raw()


class CustomTool(Strict):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class Tool(Strict):
    """`type` decides which of them it is; a tool of Anthropic's own is passed as it came."""

    type: str = "function"
    function: FunctionTool | None = None
    custom: CustomTool | None = None
    cache_control: Raw = Raw()
    defer_loading: bool | None = None
    allowed_callers: Raw = Raw()
    input_examples: Raw = Raw()
    eager_input_streaming: bool | None = None


class Named(Strict):
    name: str


class Allowed(Strict):
    mode: str
    tools: list[dict[str, Raw]]


class ToolChoice(Strict):
    type: str
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: Allowed | None = None


class JsonSchema(Strict):
    name: str = ""
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class ResponseFormat(Strict):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Place(Strict):
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class UserLocation(Strict):
    approximate: Place
    type: str = "approximate"


class WebSearch(Strict):
    search_context_size: str | None = None
    user_location: UserLocation | None = None


class LegacyFunction(Strict):
    """Of `functions`, the form before `tools`."""

    name: str
    description: str | None = None
    parameters: Raw = Raw()


class ToolKind(msgspec.Struct):
    """Which sort of tool it is."""

    type: str = "function"


class Specific(msgspec.Struct):
    """Of an answer of this gateway's that is sent back."""

    blocks: list[Raw] | None = None
