"""How a client is told that no upstream answers its request: whose fault it is, and when to come back."""

from __future__ import annotations

import math

import msgspec

from proxy.errors import Fault, GatewayError, UpstreamFailure
from proxy.routing.refusal import NOT_SERVED, Unavailable
from proxy.types import ResultKind

SHOULD_NOT_RETRY = (b"x-should-retry", b"false")
"""What this gateway has tried already is not worth the client's trying: OpenAI's SDKs heed it."""
SHOULD_NOT_RETRY_LINE = b"%b: %b\r\n" % SHOULD_NOT_RETRY
STOPPING = "gateway_stopping"
NOT_YOURS_YET = Unavailable(0.0, "queued")
"""Others were here before."""


class _Refused(msgspec.Struct, frozen=True):
    """How a request is told that nothing can be picked."""

    status: int
    code: str
    kind: str
    fault: Fault
    why: str


_RESTING = _Refused(
    503,
    code="no_deployment_available",
    kind="service_unavailable_error",
    fault=Fault.UPSTREAM,
    why="resting after failures",
)
_FULL = _Refused(
    429,
    code="at_capacity",
    kind="rate_limit_error",
    fault=Fault.GATEWAY,
    why="at its limit of parallel requests",
)
_LIMITED = _Refused(
    429, code="rate_limited", kind="rate_limit_error", fault=Fault.UPSTREAM, why="at its rate limit"
)
_REFUSALS = {"at capacity": _FULL, NOT_YOURS_YET.reason: _FULL, "rate limited": _LIMITED}
"""By the router's reason; for the others the deployments rest."""


def nothing_to_pick(refusal: Unavailable) -> GatewayError:
    """Nothing to pick at all: when to come back is the router's word."""
    if refusal.reason == NOT_SERVED:
        return _not_served()
    wait_s = max(1, math.ceil(refusal.retry_after_s))
    refused = _REFUSALS.get(refusal.reason, _RESTING)
    message = f"Every deployment of this model is {refused.why}. Try again in {wait_s} s."
    headers = ((b"retry-after", b"%d" % wait_s),)
    return GatewayError(
        refused.status, message, kind=refused.kind, code=refused.code, fault=refused.fault, headers=headers
    )


def _not_served() -> GatewayError:
    """What is amiss is the operator's business: a variable's name is no client's."""
    message = (
        "This model is in the gateway's configuration, but cannot be served: its provider is not there yet,"
        " or its key is not set. The gateway's log and GET /health say which."
    )
    return GatewayError(
        503,
        message,
        kind="service_unavailable_error",
        param="model",
        code="provider_not_served",
        fault=Fault.GATEWAY,
        headers=(SHOULD_NOT_RETRY,),
    )


def upstream_failed(failure: UpstreamFailure, *, retried: bool) -> GatewayError:
    late = failure.kind is ResultKind.TIMEOUT
    status, code = (504, "upstream_timeout") if late else (502, "upstream_failed")
    message = failure.reason[0].upper() + failure.reason[1:] + "."
    headers = (SHOULD_NOT_RETRY,) if retried else ()
    return GatewayError(
        status, message, kind="upstream_error", code=code, fault=Fault.UPSTREAM, headers=headers
    )


def stopping() -> GatewayError:
    return GatewayError(
        503,
        "This gateway is being stopped. Try again.",
        kind="service_unavailable_error",
        code=STOPPING,
        fault=Fault.GATEWAY,
        headers=((b"retry-after", b"1"),),
    )


def bug() -> GatewayError:
    message = "The gateway failed inside. Its log has the details under this request's x-litellm-call-id."
    return GatewayError(500, message, kind="server_error", code="internal_error", fault=Fault.GATEWAY)
