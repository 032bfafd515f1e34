"""What is told of a request that this gateway does not serve, whatever is in its body."""

from __future__ import annotations

from proxy.errors import GatewayError


def master_key_needed() -> GatewayError:
    message = (
        "Only the holder of the master key may do this."
        " Where none is set, nobody may: set general_settings.master_key or LITELLM_MASTER_KEY."
    )
    return GatewayError(403, message, code="master_key_needed")


def websocket_not_carried() -> GatewayError:
    """426, not 501: clients that have an HTTP form of the same request turn to it at once."""
    message = "WebSocket is not carried by this gateway: send the same request over HTTP."
    headers = ((b"upgrade", b"HTTP/1.1"), (b"connection", b"upgrade"))  # RFC 9110 section 15.5.22
    return GatewayError(426, message, code="websocket_not_supported", headers=headers)
