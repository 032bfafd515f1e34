"""Errors that say whose fault it is and whether to try again; the gateway answers in OpenAI's shape.

Shape: https://platform.openai.com/docs/guides/error-codes/api-errors
"""

from __future__ import annotations

import enum
import traceback
from pathlib import Path

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


class ClientGone(Exception):  # noqa: N818 - a fact, not an error
    """The client left: stop everything this request started."""


class ConfigError(Exception):
    """The configuration is wrong. `str()` names file, line, path and what to write instead."""


def unforeseen(error: Exception) -> str:
    """What to say of a value that trips the code up. The error's own text may repeat it, and so a secret."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"
    return f"cannot be used ({place}), though it passed the checks: please report it"


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


def master_key_needed() -> GatewayError:
    message = (
        "Only the holder of the master key may do this."
        " Where none is set, nobody may: set general_settings.master_key or LITELLM_MASTER_KEY."
    )
    return GatewayError(403, message, code="master_key_needed")


def deployment_not_found(deployment_id: str) -> GatewayError:
    message = f"There is no deployment `{deployment_id}`. GET /admin/deployments lists them."
    return GatewayError(404, message, param="id", code="deployment_not_found")


def layer_not_found(layer: str) -> GatewayError:
    message = f"There is no host, key, model or family `{layer}`. GET /admin/layers lists them."
    return GatewayError(404, message, param="layer", code="layer_not_found")


def invalid_value(param: str, message: str) -> GatewayError:
    return GatewayError(400, message, param=param, code="invalid_value")


def websocket_not_carried() -> GatewayError:
    """426, not 501: clients that have an HTTP form of the same request turn to it at once."""
    message = "WebSocket is not carried by this gateway: send the same request over HTTP."
    headers = ((b"upgrade", b"HTTP/1.1"), (b"connection", b"upgrade"))  # RFC 9110 section 15.5.22
    return GatewayError(426, message, code="websocket_not_supported", headers=headers)


def workers_not_told() -> GatewayError:
    message = "This worker did it, but could not tell the others. Ask again."
    headers = ((b"retry-after", b"1"),)
    return GatewayError(
        503, message, kind="server_error", code="workers_not_told", fault=Fault.GATEWAY, headers=headers
    )


def state_unusable() -> GatewayError:
    message = "The state file cannot be used now, so this could not be looked up or written. Ask again."
    headers = ((b"retry-after", b"1"),)
    return GatewayError(
        503, message, kind="server_error", code="state_unusable", fault=Fault.GATEWAY, headers=headers
    )


def state_off() -> GatewayError:
    message = "This gateway keeps nothing that could be shown: its sluice_settings.state is `off`."
    return GatewayError(503, message, kind="server_error", code="state_off", fault=Fault.GATEWAY)


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
