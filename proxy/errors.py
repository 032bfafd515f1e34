"""Errors that say whose fault it is and whether to try again; the gateway answers in OpenAI's shape.

Shape: https://platform.openai.com/docs/guides/error-codes/api-errors
"""

from __future__ import annotations

import enum

import msgspec

from proxy.types import Headers, Layer, Reply, ResultKind

_encode = msgspec.json.Encoder().encode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading another's JSON may raise: it is none, or not UTF-8, or too deep."""


class Fault(enum.Enum):
    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class GatewayError(Exception):
    """Becomes an HTTP answer `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        fault: Fault = Fault.CLIENT,
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.fault = fault
        self.headers = headers

    def body(self) -> bytes:
        return error_body(self.message, self.kind, self.param, self.code)

    def reply(self) -> Reply:
        return Reply(self.status, self.body(), headers=self.headers)


class CannotSay(GatewayError):  # noqa: N818 - a fact about one upstream
    """A request that one upstream's language has no words for: another may have them."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(400, message, param=param, code=code)


class Answered(Exception):  # noqa: N818 - no error at all
    """The gateway answers itself, in place of the upstream: nothing is sent."""

    def __init__(self, body: bytes) -> None:
        """`body`: JSON."""
        super().__init__("answered by the gateway")
        self.body = body


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> bytes:
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


class UpstreamFailure(Exception):  # noqa: N818 - the word of the domain
    """One attempt failed without a usable answer; `kind` says what it teaches about the key."""

    def __init__(self, kind: ResultKind, reason: str, blame: Layer | None = None) -> None:
        """`blame`: what failed; None: what the kind usually means."""
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.blame = blame


def unauthorized(
    message: str, code: str = "invalid_api_key", kind: str = "invalid_request_error"
) -> GatewayError:
    return GatewayError(401, message, kind=kind, code=code, headers=((b"www-authenticate", b"Bearer"),))


def invalid_value(param: str, message: str) -> GatewayError:
    return GatewayError(400, message, param=param, code="invalid_value")


def state_unusable() -> GatewayError:
    message = "The state file cannot be used now, so this could not be looked up or written. Ask again."
    headers = ((b"retry-after", b"1"),)
    return GatewayError(
        503, message, kind="server_error", code="state_unusable", fault=Fault.GATEWAY, headers=headers
    )


def model_not_found(model: str) -> GatewayError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return GatewayError(404, message, param="model", code="model_not_found")


def model_missing() -> GatewayError:
    message = "you must provide a model parameter"
    return GatewayError(400, message, param="model", code="missing_required_parameter")


def path_not_found(method: str, path: str, hint: str = "") -> GatewayError:
    told = f" (HINT: {hint})" if hint else ""
    return GatewayError(404, f"Invalid URL ({method} {path}){told}", code="unknown_url")


def method_not_allowed(method: str, path: str, allow: str) -> GatewayError:
    message = f"Not allowed to {method} on {path} (HINT: allowed methods are {allow})"
    return GatewayError(405, message, code="method_not_supported", headers=((b"allow", allow.encode()),))


def body_too_large(limit_bytes: int) -> GatewayError:
    message = f"The request body exceeds this gateway's limit of {limit_bytes} bytes (max_request_size_mb)."
    return GatewayError(413, message, code="request_too_large")
