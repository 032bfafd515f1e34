"""Chat's words for what every dialect says, and what answers in it depend on of their request.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation import events
from proxy.providers.translation.coding import Fields, encode
from proxy.providers.translation.events import Failed, Spent

FINISH_REASONS = {
    events.END_TURN: "stop",
    events.STOP_SEQUENCE: "stop",
    events.MAX_TOKENS: "length",
    events.CONTEXT_FULL: "length",
    events.PAUSED: "length",
    events.TOOL_USE: "tool_calls",
    events.REFUSED: "content_filter",
}
"""Of the neutral words; another dialect's own passes as it is."""
REASONS = {
    "stop": events.END_TURN,
    "length": events.MAX_TOKENS,
    "tool_calls": events.TOOL_USE,
    "function_call": events.TOOL_USE,
    "content_filter": events.REFUSED,
}

_CODES = {
    "authentication_error": "invalid_api_key",
    "rate_limit_error": "rate_limit_exceeded",
    "request_too_large": "request_too_large",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
}
"""By the type of error that other dialects have; their messages say the rest."""


class Asked(msgspec.Struct, frozen=True):
    """What of a chat request its answer depends on."""

    created: int = 0
    """Seconds since 1970, where the upstream's dialect has no time."""
    usage: bool = False
    """`stream_options.include_usage`"""
    functions: bool = False
    """Asked with `functions`, the form before `tools`."""


def usage(spent: Spent) -> Fields:
    prompt, output = spent.prompt or 0, spent.output or 0
    fields: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }
    cache = {"cached_tokens": spent.cached, "cache_write_tokens": spent.cache_write}
    details = {**_said(cache), **spent.prompt_extra}
    if details:
        fields["prompt_tokens_details"] = details
    details = {**_said({"reasoning_tokens": spent.reasoning}), **spent.output_extra}
    if details:
        fields["completion_tokens_details"] = details
    return {name: Raw(encode(value)) for name, value in {**fields, **spent.extra}.items()}


def _said(counts: dict[str, int | None]) -> dict[str, object]:
    return {name: count for name, count in counts.items() if count is not None}


def error(failed: Failed) -> bytes:
    """`{"error": {...}}`"""
    said = {
        "message": failed.message,
        "type": failed.kind,
        "param": failed.param,
        "code": failed.code or _CODES.get(failed.kind),
        **failed.extra,
    }
    return encode({"error": said})
