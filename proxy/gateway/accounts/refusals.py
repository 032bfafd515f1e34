"""How a client is told that a limit is reached: which one, whose, and when to come back."""

from __future__ import annotations

import math

import msgspec

from proxy.errors import Fault, GatewayError
from proxy.gateway.telling.refusals import SHOULD_NOT_RETRY
from proxy.limits.values import Limit, Refused
from proxy.types import Headers

RUNNING_S = 1.0
"""Nobody knows when running requests end: come back after this."""
_NANO = 10**9
_WORDS: dict[Limit, str] = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "parallel": "requests at once",
}
_TYPES: dict[Limit, str] = {
    "requests": "requests",
    "tokens": "tokens",
    "parallel": "max_parallel_requests",
    "budget": "budget",
}
"""LiteLLM's `rate_limit_type`."""


class RefusalSettings(msgspec.Struct, frozen=True):
    budget_status: int = 429
    """LiteLLM answers 422."""


def refusal(refused: Refused, now_unix_s: float, settings: RefusalSettings) -> GatewayError:
    if refused.which == "budget":
        return _of_budget(refused, now_unix_s, settings)
    wait_s = RUNNING_S if refused.wait_s is None else refused.wait_s
    words, shown = _WORDS[refused.which], refused.rule.shown
    message = (
        f"Rate limit exceeded for {shown}: {refused.limit} {words}, of which {refused.used} are used."
        f" Try again in {_said(wait_s)} s."
    )
    headers = (*_come_back(wait_s, now_unix_s), (b"rate_limit_type", _TYPES[refused.which].encode()))
    return GatewayError(
        429, message, kind="rate_limit_error", code="rate_limit_exceeded", headers=headers + _left(refused)
    )


def _of_budget(refused: Refused, now: float, settings: RefusalSettings) -> GatewayError:
    spent, budget = _dollars(refused.used), _dollars(refused.limit)
    shown, end = refused.rule.shown, refused.rule.end
    headers: Headers
    if not refused.final:
        message = (
            f"The rest of the budget of {shown} is reserved by requests that are under way: {spent} $ with these,"
            f" of {budget} $. Try again when one has ended."
        )
        headers = _come_back(RUNNING_S, now)
        return GatewayError(429, message, kind="budget_exceeded", code="budget_reserved", headers=headers)
    message = f"Budget has been exceeded! {shown}: current cost: {spent}, max budget: {budget}."
    if refused.used < refused.limit:
        message = (
            f"Budget would be exceeded! {shown}: current cost: {spent}, max budget: {budget}; the prompt of this"
            " request alone costs more than is left."
        )
    headers = (SHOULD_NOT_RETRY,)
    if end < math.inf:
        headers += _come_back(max(0.0, end - now), now)
        message += f" It is whole again in {_said(end - now)} s."
    return GatewayError(
        settings.budget_status, message, kind="budget_exceeded", code="budget_exceeded", headers=headers
    )


def table_full() -> GatewayError:
    message = (
        "This gateway counts for as many keys, teams and users at once as `sluice_settings.limited_subjects` says,"
        " and all of these are busy. Try again in 1 s."
    )
    return GatewayError(
        503,
        message,
        kind="service_unavailable_error",
        code="limits_full",
        fault=Fault.GATEWAY,
        headers=((b"retry-after", b"1"),),
    )


def _come_back(wait_s: float, now_unix_s: float) -> Headers:
    """`retry-after-ms` is what OpenAI's SDKs look at first; `reset_at` is LiteLLM's."""
    return (
        (b"retry-after", b"%d" % max(1, math.ceil(wait_s))),
        (b"retry-after-ms", b"%d" % max(1, math.ceil(wait_s * 1000))),
        (b"reset_at", b"%d" % math.ceil(now_unix_s + wait_s)),
    )


def _left(refused: Refused) -> Headers:
    if refused.which not in ("requests", "tokens"):
        return ()
    name = refused.which.encode()
    left = max(0, refused.limit - refused.used)
    return (
        (b"x-ratelimit-limit-" + name, b"%d" % refused.limit),
        (b"x-ratelimit-remaining-" + name, b"%d" % left),
    )


def _said(seconds: float) -> str:
    return f"{max(1, math.ceil(seconds))}"


def _dollars(nano: int) -> str:
    """As short as it is exact."""
    whole, rest = divmod(nano, _NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
