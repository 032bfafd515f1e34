"""What a chat request needs of a model, read when it turns to another group. `Deployment.lacks` has the same words."""

from __future__ import annotations

import msgspec

from proxy.errors import UNREADABLE

CHARS_PER_TOKEN = 4
"""A rough rule for English; for telling a prompt that fits from one ten times too long."""


class Features(msgspec.Struct, frozen=True):
    needs: frozenset[str] = frozenset()
    """Of `tools`, `vision`, `audio`, `schema`, `prefill`."""
    input_tokens: int = 0
    """Estimated from the prompt's text."""


class _Part(msgspec.Struct):
    type: str = ""
    text: str = ""


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[_Part] | None = None


class _Format(msgspec.Struct):
    type: str = ""


class _Request(msgspec.Struct):
    messages: list[_Message] = []
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: _Format | None = None


_decode = msgspec.json.Decoder(_Request).decode
_NONE = frozenset((b"", b"null", b"[]"))
_PARTS = {"image_url": "vision", "input_image": "vision", "image": "vision", "input_audio": "audio"}
NOTHING_SPECIAL = Features()


def features_of(body: bytes | None) -> Features:
    """Never raises: of what is not a chat request nothing is known."""
    if body is None:
        return NOTHING_SPECIAL
    try:
        request = _decode(body)
    except UNREADABLE:
        return NOTHING_SPECIAL
    return Features(frozenset(_needs(request)), _text_chars(request) // CHARS_PER_TOKEN)


def _needs(request: _Request) -> set[str]:
    found = {_PARTS[part.type] for part in _parts(request) if part.type in _PARTS}
    if bytes(request.tools) not in _NONE or bytes(request.functions) not in _NONE:
        found.add("tools")
    if request.response_format is not None and request.response_format.type == "json_schema":
        found.add("schema")
    if request.messages and request.messages[-1].role == "assistant":
        found.add("prefill")
    return found


def _parts(request: _Request) -> list[_Part]:
    return [
        part for message in request.messages if isinstance(message.content, list) for part in message.content
    ]


def _text_chars(request: _Request) -> int:
    plain = (len(message.content) for message in request.messages if isinstance(message.content, str))
    return sum(plain) + sum(len(part.text) for part in _parts(request))
