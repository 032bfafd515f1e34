"""Errors in the other language's shape, with their status there.

https://platform.claude.com/docs/en/api/errors and https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

from msgspec import Raw

from proxy.errors import UNREADABLE
from proxy.providers.translation import chat_reader, chat_words, messages_reader, messages_words
from proxy.providers.translation.coding import Fields, decode_fields
from proxy.providers.translation.events import Failed

OVERLOADED = 529
"""Anthropic's own; 503 says the same to everybody."""


def as_openai(status: int, body: bytes) -> tuple[int, bytes]:
    """Anthropic's `{"type": "error", "error": {...}}`."""
    fields = _fields(body)
    told = fields.get("error")
    if told is None:
        return _status(status), body
    failed = messages_reader.failed(told)
    beside = {name: value for name, value in fields.items() if name not in ("type", "error")}
    found = Failed(failed.kind, failed.message, failed.code, failed.param, {**failed.extra, **beside})
    return _status(status), chat_words.error(found)


def as_anthropic(status: int, body: bytes) -> tuple[int, bytes]:
    """OpenAI's `{"error": {...}}`. The status says the type."""
    told = _fields(body).get("error")
    if told is None:
        failed = Failed(
            "api_error", body[:512].decode("utf-8", "replace") or f"The upstream answered {status}."
        )
    else:
        failed = chat_reader.failed(told)
    return status, messages_words.error(failed, messages_words.error_type_of(status))


def _status(status: int) -> int:
    return 503 if status == OVERLOADED else status


def _fields(body: bytes) -> Fields:
    try:
        return decode_fields(Raw(body))
    except UNREADABLE:
        return {}
