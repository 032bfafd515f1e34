"""The words of /responses for what every dialect says.

https://platform.openai.com/docs/api-reference/responses/object
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from proxy.providers.translation.events import MAX_TOKENS, REFUSED, Failed, Spent

ECHOED = (
    "background", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls",
    "previous_response_id", "prompt_cache_key", "reasoning", "safety_identifier", "service_tier", "store",
    "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
)  # fmt: skip
"""Fields of the request that the answer repeats."""
DEFAULTS: Mapping[str, object] = {
    "error": None, "incomplete_details": None, "instructions": None, "max_output_tokens": None, "metadata": {},
    "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
    "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": None,
    "truncation": "disabled", "user": None,
}  # fmt: skip
"""What the answer says where the request does not."""
INCOMPLETE = {MAX_TOKENS: "max_output_tokens", REFUSED: "content_filter"}
"""Reasons for which an answer is not all that it might have been."""
_CODES = {"rate_limit_error": "rate_limit_exceeded", "rate_limit_exceeded": "rate_limit_exceeded"}


class Asked(msgspec.Struct, frozen=True):
    """What of a request its answer depends on."""

    call_id: str = ""
    """Of the gateway's, and so nobody else's: upstreams' ids may come twice."""
    created: int = 0
    """Seconds since 1970."""
    echo: Mapping[str, Raw] = {}
    input: tuple[Raw, ...] = ()
    """Its own items, for the one that goes on from it."""

    @property
    def response_id(self) -> str:
        return f"resp_{self.call_id.replace('-', '')}"


def usage(spent: Spent) -> dict[str, object]:
    prompt, output = spent.prompt or 0, spent.output or 0
    cache = {"cached_tokens": spent.cached or 0, "cache_write_tokens": spent.cache_write or 0}
    return {
        "input_tokens": prompt,
        "input_tokens_details": {**cache, **spent.prompt_extra},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning or 0, **spent.output_extra},
        "total_tokens": prompt + output,
        **spent.extra,
    }


def error(failed: Failed) -> dict[str, object]:
    named = failed.code or _CODES.get(failed.kind, "server_error")
    return {
        "code": named,
        "message": failed.message,
        "type": failed.kind,
        "param": failed.param,
        **failed.extra,
    }
