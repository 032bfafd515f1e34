"""Anthropic's words for what every dialect says.

https://platform.claude.com/docs/en/api/messages and .../api/errors
"""

from __future__ import annotations

from proxy.providers.translation.coding import encode
from proxy.providers.translation.events import Failed, Spent

STOP_REASONS = frozenset(
    ("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal",
     "model_context_window_exceeded")
)  # fmt: skip
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""By status."""
_TYPES = frozenset((*_ERROR_TYPES.values(), "api_error"))
_BY_CODE = {
    "invalid_api_key": "authentication_error",
    "insufficient_quota": "billing_error",
    "rate_limit_exceeded": "rate_limit_error",
    "context_length_exceeded": "invalid_request_error",
    "model_not_found": "not_found_error",
}
"""Of errors inside a stream, which have no status."""


def error_type_of(status: int) -> str:
    """https://platform.claude.com/docs/en/api/errors: its clients' word for their own mistakes, and for others'."""
    return _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def usage(spent: Spent) -> dict[str, object]:
    """`input_tokens` leaves out what the cache gave and took."""
    cached, written = spent.cached or 0, spent.cache_write or 0
    told: dict[str, object] = {
        "input_tokens": max((spent.prompt or 0) - cached - written, 0),
        "output_tokens": spent.output or 0,
        "cache_read_input_tokens": spent.cached,
        "cache_creation_input_tokens": spent.cache_write,
    }
    thought = {} if spent.reasoning is None else {"thinking_tokens": spent.reasoning}
    if thought or spent.output_extra:
        told["output_tokens_details"] = {**thought, **spent.output_extra}
    if spent.prompt_extra:
        told["input_tokens_details"] = spent.prompt_extra
    return {**told, **spent.extra}


def error_type(failed: Failed) -> str:
    return failed.kind if failed.kind in _TYPES else _BY_CODE.get(failed.code or "", "api_error")


def error(failed: Failed, kind: str) -> bytes:
    """`{"type": "error", "error": {...}}`; what else the upstream said of it goes along."""
    said: dict[str, object] = {"type": kind, "message": failed.message}
    beside = {"param": failed.param, "code": failed.code}
    said |= {name: value for name, value in beside.items() if value is not None}
    return encode({"type": "error", "error": {**said, **failed.extra}})
