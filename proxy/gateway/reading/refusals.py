"""What is told of a body that cannot be understood, or not held."""

from __future__ import annotations

from proxy.errors import Fault, GatewayError, model_missing
from proxy.types import Headers

RETRY_SOON: Headers = ((b"retry-after", b"1"),)
"""Room comes free whenever another request has been read and answered."""
TOO_LARGE = 413


def not_json() -> GatewayError:
    return GatewayError(400, "The request body is not a JSON object.", code="invalid_json")


def ambiguous_key(key: str) -> GatewayError:
    message = (
        f"The request body holds `{key}` more than once, or in other letters:"
        " servers differ in which of them they take. Send it once, as it is written here."
    )
    return GatewayError(400, message, param=key, code="duplicate_key")


def disagreeing_models(one: str, other: str) -> GatewayError:
    message = f"The request names two models: `{one}` in its query and `{other}` elsewhere. Name one."
    return GatewayError(400, message, param="model", code="duplicate_key")


def bad_model(*, invalid: bool) -> GatewayError:
    if invalid:
        return GatewayError(400, "`model` must be a string.", param="model", code="invalid_type")
    return model_missing()


def unreadable_type(content_types: list[bytes]) -> GatewayError:
    shown = ", ".join(each[:128].decode("ascii", "replace") for each in content_types)
    message = (
        f"A request body of the type `{shown}` is not read by this gateway, which must know the model that is asked"
        " for. Send JSON, or a multipart form with one boundary."
    )
    return GatewayError(415, message, code="unsupported_media_type")


def coded_page_body() -> GatewayError:
    message = "The gateway's own pages read no compressed bodies: send it without `Content-Encoding`."
    return GatewayError(415, message, code="unsupported_content_encoding")


def page_body_too_large(limit_bytes: int) -> GatewayError:
    message = (
        f"The body exceeds the limit of {limit_bytes} bytes for this page (sluice_settings.page_body_mb)."
    )
    return GatewayError(TOO_LARGE, message, code="request_too_large")


def memory_share_taken(limit_bytes: int) -> GatewayError:
    return _no_room(f"{limit_bytes} bytes for request bodies (sluice_settings.held_bodies_mb)")


def disk_share_taken(limit_bytes: int) -> GatewayError:
    return _no_room(f"{limit_bytes} bytes of disk for forms (sluice_settings.spool_total_mb)")


def _no_room(what: str) -> GatewayError:
    message = (
        f"Of its {what} the gateway has given so much to other requests, of this caller or of others, that this one"
        " finds no room. Retry in a moment."
    )
    return GatewayError(
        503, message, kind="server_error", code="gateway_busy", fault=Fault.GATEWAY, headers=RETRY_SOON
    )
