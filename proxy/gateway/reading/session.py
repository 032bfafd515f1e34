"""Which conversation a request goes on with: what its client calls it, else how it began.

Providers keep the beginnings of prompts in caches, per organization: a conversation that stays with one pays a tenth
to a half for what it has said before. https://platform.openai.com/docs/guides/prompt-caching
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from proxy.gateway.reading.call import Call
from proxy.types import SessionAffinity
from proxy.wire.form import RequestHead

Named: TypeAlias = Callable[[Call], bytes | None]

HEADERS = (
    b"x-litellm-session-id",
    b"x-claude-code-session-id",  # Claude Code
    b"x-opencode-session",  # OpenCode, to its own providers
    b"x-session-affinity",  # OpenCode, to others
    b"session-id",  # Codex
    b"session_id",  # Codex, before
    b"x-session-id",
)
"""In their order: what clients call a conversation."""
_HEADERS = frozenset(HEADERS)
MAX_SESSION_BYTES = 256
"""A longer name is none."""
WINDOW_BYTES = 16 * 1024
"""Of a body, from its beginning and from its end: names stand before or behind what is said, and the beginning of a
conversation is all that tells it from others."""
_DIGEST_BYTES = 16
_NAMED = {
    b"prompt_cache_key": re.compile(rb'"prompt_cache_key"\s*:\s*"([^"\\]{1,%d})"' % MAX_SESSION_BYTES),
    b"session_id": re.compile(rb'\\?"session_id\\?"\s*:\s*\\?"([^"\\]{1,%d})\\?"' % MAX_SESSION_BYTES),
}
"""Of the body, in their order: OpenAI's; LiteLLM's, in its metadata. Claude Code writes its session into JSON within a
string of the metadata."""
_MESSAGES = re.compile(rb'"(?:messages|input)"\s*:\s*\[\s*')
_COMMA = re.compile(r"\s*,\s*")
_SYSTEM = re.compile(rb'"system"\s*:\s*(?=["\[])')
_read_value = json.JSONDecoder().raw_decode
MAX_OPENING = 8
"""Messages before a user's first: instructions, examples."""


def namer(how: SessionAffinity) -> Named:
    return _NAMERS[how]


def named(call: Call) -> bytes | None:
    """HOT. As the client calls it; the same name of another caller is another conversation."""
    if not _HEADERS.isdisjoint(call.head.form.first) and (name := _in_head(call.head)):
        return call.caller.id + name
    body = call.json
    if body is None:
        return None
    if len(body) > WINDOW_BYTES:
        return _in_long(call, body)
    if body.find(b"prompt_cache_key") >= 0 or body.find(b"session_id") >= 0:
        return _in_body(call, body, body)
    return None


def _in_head(head: RequestHead) -> bytes | None:
    for header in HEADERS:
        name = head.get(header)
        if name and len(name) <= MAX_SESSION_BYTES:
            return name
    return None


def _in_long(call: Call, body: bytes) -> bytes | None:
    return _in_body(call, body[:WINDOW_BYTES], body[-WINDOW_BYTES:])


def _in_body(call: Call, begin: bytes, end: bytes) -> bytes | None:
    for name, pattern in _NAMED.items():
        if name in begin or name in end:
            found = pattern.search(begin) or pattern.search(end)
            if found is not None:
                return call.caller.id + found[1]
    return None


def named_or_begun(call: Call) -> bytes | None:
    """As the client calls it, else by its beginning: instructions, and the user's first message."""
    name = named(call)
    if name is not None or call.json is None:
        return name
    begun = beginning(call.json)
    return None if begun is None else hashlib.blake2b(begun, digest_size=_DIGEST_BYTES).digest()


def beginning(body: bytes) -> bytes | None:
    """Up to the end of the user's first message, at most WINDOW_BYTES of it; None: no list of messages is there.

    Later turns of a conversation are sent with the same beginning.
    """
    found = _MESSAGES.search(body)
    if found is None:
        return None
    system = _SYSTEM.search(body)
    instructions = b"" if system is None else _value_at(body, system.end())
    return instructions + _opening(body[found.end() : found.end() + WINDOW_BYTES].decode("utf-8", "ignore"))


def _value_at(body: bytes, start: int) -> bytes:
    text = body[start : start + WINDOW_BYTES].decode("utf-8", "ignore")
    try:
        _, end = _read_value(text)
    except (ValueError, RecursionError):  # longer than the window: so much of it is the same each time
        return text.encode()
    return text[:end].encode()


def _opening(text: str) -> bytes:
    end = 0
    for _ in range(MAX_OPENING):
        try:
            message, end = _read_value(text, end)
        except (ValueError, RecursionError):
            return text.encode()
        comma = _COMMA.match(text, end)
        if comma is None or (isinstance(message, Mapping) and message.get("role") == "user"):
            break
        end = comma.end()
    return text[:end].encode()


def nobody(_call: Call) -> bytes | None:
    """Conversations are not kept together."""
    return None


_NAMERS: Mapping[SessionAffinity, Named] = {"auto": named_or_begun, "header": named, "off": nobody}
