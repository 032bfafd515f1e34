"""What an upstream's answer head says about the key that was used, and when to come back.

Headers: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from proxy.errors import UNREADABLE
from proxy.types import Layer, Limits, Refusal, Result, ResultKind

GetHeader: TypeAlias = Callable[[bytes], bytes | None]
"""Lower-case name -> first value."""

_KINDS = {
    401: ResultKind.AUTH,
    402: ResultKind.AUTH,  # compatible servers' word for an account without money
    403: ResultKind.AUTH,
    408: ResultKind.SERVER_ERROR,
    429: ResultKind.RATE_LIMITED,
}
_KINDS_BY_CLASS = {4: ResultKind.NEUTRAL, 5: ResultKind.SERVER_ERROR}

_RETRYABLE = frozenset(
    {
        ResultKind.AUTH,  # on another key
        ResultKind.RATE_LIMITED,
        ResultKind.REFUSED,
        ResultKind.TIMEOUT,
        ResultKind.SERVER_ERROR,
        ResultKind.BROKEN,
    }
)
_CONFLICT = 409
"""OpenAI's SDKs try it again (a lock timed out upstream); it says nothing about the key."""

_SAYS_WHEN = {429: None, 503: Layer.MODEL, 529: Layer.MODEL}
"""Statuses about load: what is overloaded is one model, not the host. A 429 may mean more by its words."""
_LEFT_REQUESTS, _RESET_REQUESTS = b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"
_LEFT_TOKENS, _RESET_TOKENS = b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"
_LIMITS = ((_LEFT_REQUESTS, _RESET_REQUESTS), (_LEFT_TOKENS, _RESET_TOKENS))
_LIMIT_DIGITS = 15
_ANTHROPIC = b"anthropic-ratelimit-"
_ANTHROPICS = tuple(
    (_ANTHROPIC + kind + b"-remaining", _ANTHROPIC + kind + b"-reset") for kind in (b"requests", b"tokens")
)
"""https://platform.claude.com/docs/en/api/rate-limits#response-headers"""

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?")
_DURATION = re.compile(r"(?:\d{1,12}(?:\.\d{1,9})?(?:ms|us|ns|h|m|s))+")
_DURATION_PART = re.compile(r"([\d.]+)(ms|us|ns|h|m|s)")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def result_of(status: int, get_header: GetHeader, now_unix: float) -> Result:
    """What this answer head teaches about its deployment. `now_unix`: seconds since 1970, for HTTP dates."""
    kind = _KINDS.get(status) or _KINDS_BY_CLASS.get(status // 100, ResultKind.OK)
    if status not in _SAYS_WHEN:
        return Result(kind, status)
    return Result(kind, status, retry_after_s(get_header, now_unix), blame=_SAYS_WHEN[status])


def retryable(result: Result) -> bool:
    """Whether another attempt may go better, as long as nothing was sent to the client."""
    return result.kind in _RETRYABLE or result.status == _CONFLICT


class _Detail(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Detail


_decode_error = msgspec.json.Decoder(_ErrorBody).decode


_REFUSALS = {
    "context_length_exceeded": Refusal.CONTEXT_WINDOW,
    "string_above_max_length": Refusal.CONTEXT_WINDOW,
    "content_filter": Refusal.CONTENT_POLICY,
    "content_policy_violation": Refusal.CONTENT_POLICY,
    "moderation_blocked": Refusal.CONTENT_POLICY,
}
_REFUSAL_WORDS = {
    "maximum context length": Refusal.CONTEXT_WINDOW,
    "context window": Refusal.CONTEXT_WINDOW,
    "prompt is too long": Refusal.CONTEXT_WINDOW,
    "content management policy": Refusal.CONTENT_POLICY,
    "rejected as a result of our safety system": Refusal.CONTENT_POLICY,
}
"""What compatible servers write where they have no code; LiteLLM looks for the same."""
REFUSING = frozenset({400, 413, 422})
"""Statuses of a request turned down for what is in it."""


def refusal_of(status: int, body: bytes) -> Refusal | None:
    """Whether an answer of this status turns the request down for its length or its content."""
    if status not in REFUSING:
        return None
    try:
        detail = _decode_error(body).error
    except UNREADABLE:
        return None
    message = (detail.message or "").lower()
    found = (refusal for words, refusal in _REFUSAL_WORDS.items() if words in message)
    return _REFUSALS.get(detail.code or "") or next(found, None)


def limits_of(get_header: GetHeader, now_unix: float = 0.0) -> Limits | None:
    """What is left of the key's limits; None where the answer does not say. -1 is Azure's 'unknown'.

    `now_unix`: seconds since 1970, for providers that tell the time of a reset.
    """
    requests, tokens = get_header(_LEFT_REQUESTS), get_header(_LEFT_TOKENS)
    if requests is None and tokens is None:
        return _anthropics_limits(get_header, now_unix)
    resets = duration_s(get_header(_RESET_REQUESTS)), duration_s(get_header(_RESET_TOKENS))
    return Limits(_left(requests, resets[0]), _left(tokens, resets[1]), *resets)


def _anthropics_limits(get_header: GetHeader, now_unix: float) -> Limits | None:
    (left_requests, ends_requests), (left_tokens, ends_tokens) = _ANTHROPICS
    requests, tokens = get_header(left_requests), get_header(left_tokens)
    if requests is None and tokens is None:
        return None
    resets = (_until(get_header(ends), now_unix) for ends in (ends_requests, ends_tokens))
    requests_s, tokens_s = resets
    return Limits(_left(requests, requests_s), _left(tokens, tokens_s), requests_s, tokens_s)


def _until(value: bytes | None, now_unix: float) -> float | None:
    """A time of RFC 3339: `2026-11-29T23:59:00Z`."""
    try:
        ends = datetime.fromisoformat((value or b"").decode("latin-1"))
    except ValueError:
        return None
    seconds = ends.timestamp() - now_unix if ends.tzinfo is not None else 0.0
    return seconds if seconds > 0 else None


def _left(value: bytes | None, reset_s: float | None) -> int | None:
    """Without its end a limit says nothing of the next request."""
    if not reset_s or value is None or not value.isdigit() or len(value) > _LIMIT_DIGITS:
        return None
    return int(value)


def retry_after_s(get_header: GetHeader, now_unix: float) -> float | None:
    """Seconds until the upstream wants to be asked again; None when it does not say, or says 'not later'.

    In the order of OpenAI's SDKs: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 section
    10.2.3), then the reset time of the limit that is used up.
    """
    milliseconds = _number(get_header(b"retry-after-ms"))
    if milliseconds is not None:
        return _later(milliseconds / 1000)
    value = get_header(b"retry-after")
    if value is not None:
        return _later(_seconds_or_date(value, now_unix))
    return _later(_reset_s(get_header))


def _later(wait_s: float | None) -> float | None:
    return wait_s if wait_s is not None and wait_s > 0 else None


def _number(value: bytes | None) -> float | None:
    text = (value or b"").decode("latin-1").strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _seconds_or_date(value: bytes, now_unix: float) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds
    date_unix = _date_unix(value.decode("latin-1"))
    return None if date_unix is None else date_unix - now_unix


def _date_unix(text: str) -> float | None:
    """RFC 9110 section 5.6.7: all three forms, always in GMT."""
    parts = email.utils.parsedate(text)
    if parts is None:
        return None
    try:
        return datetime(*parts[:6], tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _reset_s(get_header: GetHeader) -> float | None:
    """The longest reset among the limits with nothing remaining."""
    used_up = [reset for remaining, reset in _LIMITS if get_header(remaining) == b"0"]
    waits_s = [wait_s for reset in used_up if (wait_s := duration_s(get_header(reset))) is not None]
    return max(waits_s, default=None)


def duration_s(value: bytes | None) -> float | None:
    """Go's durations (`12ms`, `1s`, `6m0s`); Azure sends whole seconds, and -1 or 0 for 'unknown'."""
    text = (value or b"").decode("latin-1").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return math.fsum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(text))
