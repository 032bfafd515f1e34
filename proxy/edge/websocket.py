"""A WebSocket handshake that the ASGI server understood, served as the HTTP request that it is.

Extension: https://asgi.readthedocs.io/en/stable/extensions.html#websocket-denial-response
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, WebsocketScope

HANDSHAKE = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"))
"""Over HTTP/2 the handshake is a CONNECT with a protocol (RFC 8441), and says so in no header."""
_TYPES = {
    "websocket.connect": "http.request",
    "websocket.disconnect": "http.disconnect",
    "http.response.start": "websocket.http.response.start",
    "http.response.body": "websocket.http.response.body",
}


def as_http(
    scope: WebsocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> tuple[HTTPScope, ASGIReceiveCallable, ASGISendCallable]:
    """The same exchange with HTTP's names for its messages."""

    async def receive_http() -> Any:
        while True:
            message: Any = await receive()
            kind = _TYPES.get(message["type"])
            if kind is not None:  # a frame before the answer says nothing
                return {"type": kind, "body": b"", "more_body": False}

    async def send_websocket(message: Any) -> None:
        renamed: Any = {**message, "type": _TYPES[message["type"]]}
        await send(renamed)

    headers = [line for line in scope["headers"] if line[0].lower() not in (b"connection", b"upgrade")]
    request = {**scope, "type": "http", "method": "GET", "headers": [*headers, *HANDSHAKE]}
    return cast("HTTPScope", request), receive_http, send_websocket
