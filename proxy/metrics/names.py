"""What stands in labels: only what the configuration has, what the code has, or a bounded number of what came first."""

from __future__ import annotations

from collections.abc import Callable

from proxy.access.identity import KEY_DIGITS
from proxy.accounting.record import Record
from proxy.metrics.table import OTHER
from proxy.types import Deployment, Outcome

MODELS_BEHIND_PATTERNS = 100
"""Names that a pattern (`openai/*`) let through and an upstream answered well: clients may invent any number."""
REASONS = 100
"""Why requests failed: a table of the gateway's, and words of upstreams."""
NOWHERE = ("unknown_url", "method_not_supported")
"""The errors of a path that leads nowhere, whose record has the path itself."""
NOBODY = ""
MASTER, ANONYMOUS = "master", "anonymous"
CLASSES = {
    400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
    408: "Timeout", 413: "BadRequestError", 422: "UnprocessableEntityError", 429: "RateLimitError",
    500: "InternalServerError", 502: "BadGatewayError", 503: "ServiceUnavailableError", 504: "Timeout",
}  # fmt: skip
"""LiteLLM's names of errors."""


class Names:
    """Mutable: it remembers what it has let through."""

    def __init__(self, find: Callable[[str], Deployment | None], configured: Callable[[str], bool]) -> None:
        """`configured`: whether the configuration itself has a model of that name."""
        self._find = find
        self._configured = configured
        self._models: set[str] = set()
        self._reasons: set[str] = set()

    def model(self, record: Record) -> str:
        asked = record.model_asked
        if not asked:
            return NOBODY
        if self._configured(asked):
            return asked
        if record.outcome is Outcome.OK and len(self._models) < MODELS_BEHIND_PATTERNS:
            self._models.add(asked)
        return asked if asked in self._models else self.group(record) or OTHER

    def group(self, record: Record) -> str:
        """Of the deployment that was asked last."""
        deployment = None if record.deployment_id is None else self._find(record.deployment_id)
        return NOBODY if deployment is None else deployment.group

    def reason(self, record: Record) -> str:
        reason = record.error or NOBODY
        if len(self._reasons) < REASONS:
            self._reasons.add(reason)
        return reason if reason in self._reasons else OTHER


def route(record: Record) -> str:
    return OTHER if record.error in NOWHERE and not record.attempts else record.route


def caller(record: Record) -> str:
    if record.key_alias is not None:
        return record.key_alias
    if record.key is not None:
        return record.key[:KEY_DIGITS]
    return MASTER if record.caller == MASTER else ANONYMOUS


def error_class(status: int) -> str:
    return CLASSES.get(status, "APIError")
