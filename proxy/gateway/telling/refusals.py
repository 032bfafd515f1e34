"""How a client is told that no upstream answers its request: whose fault it is, and when to come back."""

from __future__ import annotations

import math
from functools import partial

import msgspec

from proxy.errors import Fault, GatewayError, UpstreamFailure
from proxy.routing.router import NOT_SERVED, QUEUED, Unavailable
from proxy.types import Headers, Layer, ResultKind

SHOULD_NOT_RETRY = (b"x-should-retry", b"false")
"""What this gateway has tried already is not worth the client's trying: OpenAI's SDKs heed it."""
SHOULD_NOT_RETRY_LINE = b"%b: %b\r\n" % SHOULD_NOT_RETRY
STOPPING = "gateway_stopping"
NOT_YOURS_YET = Unavailable(0.0, QUEUED)
"""Others were here before."""


class _Refused(msgspec.Struct, frozen=True):
    """How a request is told that nothing can be picked."""

    status: int
    code: str
    kind: str
    fault: Fault
    why: str


_UNAVAILABLE = partial(_Refused, 503, "no_deployment_available", "service_unavailable_error", Fault.UPSTREAM)
_RESTING = _UNAVAILABLE("Every deployment of this model is held by the operator.")
_BENCHED = {
    Layer.HOST: _UNAVAILABLE("The host of every upstream that could serve this cannot be reached."),
    Layer.MODEL: _UNAVAILABLE("This model is failing on every upstream key that could serve it."),
}
_FULL = _Refused(
    429,
    "at_capacity",
    "rate_limit_error",
    Fault.GATEWAY,
    "Every deployment of this model is at its limit of parallel requests.",
)
_LIMITED = partial(_Refused, 429, "rate_limited", "rate_limit_error")
_REFUSALS = {
    "at capacity": _FULL,
    NOT_YOURS_YET.reason: _FULL,
    "rate limited": _LIMITED(
        Fault.UPSTREAM, "Every deployment of this model is at the rate limit that the operator has set."
    ),
    "on trial": _LIMITED(
        Fault.UPSTREAM,
        "By what the upstream's answers foretell, every key is at its rate limit for this model, and one request is"
        " finding out.",
    ),
}
_UPSTREAMS_LIMIT = _LIMITED(
    Fault.UPSTREAM, "Every upstream key that could serve this is at its rate limit for this model."
)
_SHUT_OUT = {
    Layer.KEY: _Refused(
        503,
        "upstream_key_refused",
        "upstream_error",
        Fault.UPSTREAM,
        "The upstream refuses the gateway's own key, not yours: no key that could serve this is accepted.",
    ),
    Layer.MODEL: _Refused(
        404,
        "model_not_found",
        "invalid_request_error",
        Fault.CLIENT,
        "The upstream denies this model to every key of this gateway that could serve it.",
    ),
    Layer.FAMILY: _Refused(
        403,
        "missing_scope",
        "upstream_error",
        Fault.UPSTREAM,
        "No upstream key of this gateway has the scope that this kind of request needs.",
    ),
}
_PASSED_ON = frozenset({401, 402, 403, 404, 429})
"""Statuses that say themselves what stands in the way."""


def nothing_to_pick(refusal: Unavailable) -> GatewayError:
    """Nothing to pick at all: what stands in the way, and when to come back, is the router's word."""
    if refusal.reason == NOT_SERVED:
        return _not_served()
    wait_s = max(1, math.ceil(refusal.retry_after_s))
    refused = _refused(refusal)
    status, code = refused.status, refused.code
    if refusal.reason == "shut out" and refusal.status in _PASSED_ON:
        status, code = refusal.status, refusal.word or code
    headers: Headers = ((b"retry-after", b"%d" % wait_s),)
    if status == 401:
        headers += ((b"www-authenticate", b"Bearer"),)
    message = f"{refused.why} Try again in {wait_s} s."
    return GatewayError(status, message, kind=refused.kind, code=code, fault=refused.fault, headers=headers)


def _refused(refusal: Unavailable) -> _Refused:
    layer = refusal.layer
    if refusal.reason == "rate limited" and layer is not None:
        return _UPSTREAMS_LIMIT
    if refusal.reason in _REFUSALS:
        return _REFUSALS[refusal.reason]
    if layer is None:
        return _RESTING
    return (_SHUT_OUT if refusal.reason == "shut out" else _BENCHED).get(layer, _RESTING)


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
