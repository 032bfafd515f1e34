"""Whether a failed attempt is worth another, and how long to wait before the same deployment is asked again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.config.settings import RetryPolicy
from proxy.providers.outcome import retryable
from proxy.types import Refusal, Result, ResultKind

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0
"""Both as in OpenAI's SDKs (INITIAL_RETRY_DELAY, MAX_RETRY_DELAY), which would wait so themselves."""


class Policy(msgspec.Struct, frozen=True):
    """LiteLLM's `retry_policy`: further attempts by what failed. None: not said."""

    bad_request: int | None = None
    authentication: int | None = None
    timeout: int | None = None
    rate_limit: int | None = None
    content_policy: int | None = None
    server_error: int | None = None


_FIELDS: dict[ResultKind, Callable[[Policy], int | None]] = {
    ResultKind.AUTH: lambda policy: policy.authentication,
    ResultKind.TIMEOUT: lambda policy: policy.timeout,
    ResultKind.RATE_LIMITED: lambda policy: policy.rate_limit,
    ResultKind.REFUSED: lambda policy: policy.server_error,
    ResultKind.SERVER_ERROR: lambda policy: policy.server_error,
    ResultKind.BROKEN: lambda policy: policy.server_error,
}
_BAD_REQUESTS = frozenset({400, 422})
_LATE = 408


def retries_for(result: Result, refusal: Refusal | None, policy: Policy, num_retries: int) -> int:
    """How many further attempts a failure of this sort is worth; 0: the client is told at once."""
    if refusal is Refusal.CONTENT_POLICY:
        return policy.content_policy or 0
    if result.status in _BAD_REQUESTS and result.kind is not ResultKind.AUTH:
        return policy.bad_request or 0
    if not retryable(result):
        return 0
    said = policy.timeout if result.status == _LATE else _FIELDS.get(result.kind, _not_said)(policy)
    return num_retries if said is None else said


def _not_said(_policy: Policy) -> None:
    return None


def backoff_s(retry: int, at_least_s: float, chance: float) -> float:
    """Full jitter: anything up to a ceiling that doubles. `retry` counts from 0, `chance` is in [0, 1).

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling_s: float = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(retry, 10))
    return max(at_least_s, ceiling_s * chance)


def policy_of(policy: RetryPolicy) -> Policy:
    return Policy(
        bad_request=policy.BadRequestErrorRetries,
        authentication=policy.AuthenticationErrorRetries,
        timeout=policy.TimeoutErrorRetries,
        rate_limit=policy.RateLimitErrorRetries,
        content_policy=policy.ContentPolicyViolationErrorRetries,
        server_error=policy.InternalServerErrorRetries,
    )
