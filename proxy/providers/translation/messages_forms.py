"""What Anthropic's answers and events look like, as far as they are read.

https://platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming
"""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Details(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class Delta(msgspec.Struct, gc=False):
    """Of a block, or of the message."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: Raw = Raw()


class Block(msgspec.Struct):
    type: str
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    citations: list[Raw] | None = None
    input: Raw = Raw()
    caller: Raw = Raw()
    toolset_name: str | None = None


class Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: Delta | None = None
    message: Raw = Raw()
    content_block: Raw = Raw()
    usage: Raw = Raw()
    error: Raw = Raw()


class Problem(msgspec.Struct):
    type: str = "api_error"
    message: str = ""
    details: Raw = Raw()
