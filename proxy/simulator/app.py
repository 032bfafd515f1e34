"""The simulator as an ASGI app: who asks, which route, and sending the answer at the set pace. trio only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import trio

from proxy.errors import GatewayError, unauthorized
from proxy.simulator.answer import Answer, Stream
from proxy.simulator.ids import new_id
from proxy.simulator.request import Request
from proxy.simulator.route import Router
from proxy.simulator.store import Store, Stores
from proxy.simulator.table import ROUTES
from proxy.types import Headers, Reply

if TYPE_CHECKING:
    from hypercorn.typing import (
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPResponseStartEvent,
        HTTPScope,
        Scope,
    )

PACE_S = 0.02
"""Between two events of a stream: 50 tokens a second, as a fast model has."""
KEY_PREFIXES = ("sk-sim-",)
BODY_LIMIT_BYTES = 64 * 1024 * 1024
"""Uploads are held in memory."""
NO_KEY = "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
WRONG_KEY = "Incorrect API key provided. The simulated API accepts keys that begin with {prefixes}."
TOO_LARGE = "Maximum content size limit ({limit}) exceeded"

COMMON_HEADERS: Headers = (
    (b"openai-organization", b"org-simulated"),
    (b"openai-version", b"2020-10-01"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999000"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"30ms"),
)
"""https://platform.openai.com/docs/guides/rate-limits; nothing is limited here."""
STREAM_HEADERS: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)


class Simulator:
    """`pace_s`: pause between two events of a stream. `key_prefixes`: whose keys are let in; `("",)`: all."""

    def __init__(
        self,
        *,
        pace_s: float = PACE_S,
        key_prefixes: tuple[str, ...] = KEY_PREFIXES,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        self._pace_s = pace_s
        self._key_prefixes = key_prefixes
        self._body_limit_bytes = body_limit_bytes
        self._router = Router(ROUTES)
        self._stores = Stores()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not simulated"})
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        started = time.perf_counter()
        try:
            body = await self._read_body(receive)
            answer = self._answer(scope, body)
        except _Gone:
            return
        except GatewayError as error:
            answer = error.reply()
        headers = (*COMMON_HEADERS, *_request_headers(started))
        if isinstance(answer, Stream):
            await self._send_stream(answer, headers, receive, send)
        else:
            await _send_reply(answer, headers, scope["method"], send)

    async def _read_body(self, receive: ASGIReceiveCallable) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise _Gone
            body += message["body"]
            if len(body) > self._body_limit_bytes:
                raise GatewayError(413, TOO_LARGE.format(limit=self._body_limit_bytes))
            if not message["more_body"]:
                return bytes(body)

    def _answer(self, scope: HTTPScope, body: bytes) -> Answer:
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS":
            return Reply(204, headers=((b"allow", self._router.methods(path).encode()),))
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        store = self._store_of(headers.get(b"authorization", ""))
        route, params = self._router.find(method, path)
        request = Request(
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            content_type=headers.get(b"content-type", ""),
            body=body,
            store=store,
            params=params,
        )
        return route.handle(request)

    def _store_of(self, authorization: str) -> Store:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise unauthorized(NO_KEY)
        if not key.startswith(self._key_prefixes):
            raise unauthorized(WRONG_KEY.format(prefixes=", ".join(self._key_prefixes)))
        return self._stores.of(key)

    async def _send_stream(
        self, stream: Stream, headers: Headers, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Stops as soon as the client leaves: its leaving is only seen by receiving."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
            await send(_start(200, (*STREAM_HEADERS, *headers)))
            event = next(stream.events, None)
            while event is not None:
                await send({"type": "http.response.body", "body": event, "more_body": True})
                event = next(stream.events, None)
                if event is not None:  # the body ends with its last event, as OpenAI's does
                    await trio.sleep(self._pace_s)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            nursery.cancel_scope.cancel()


class _Gone(Exception):  # noqa: N818 - a fact, not an error
    """The client left before its body was whole."""


async def _cancel_when_gone(receive: ASGIReceiveCallable, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_reply(reply: Reply, headers: Headers, method: str, send: ASGISendCallable) -> None:
    own: Headers = ((b"content-type", reply.content_type.encode()),) if reply.body else ()
    length = (b"content-length", str(len(reply.body)).encode())
    own = own if reply.status == 204 else (*own, length)
    await send(_start(reply.status, (*own, *reply.headers, *headers)))
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _start(status: int, headers: Headers) -> HTTPResponseStartEvent:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _request_headers(started: float) -> Headers:
    processing_ms = int((time.perf_counter() - started) * 1000)
    return (
        (b"x-request-id", new_id("req_").encode()),
        (b"openai-processing-ms", str(processing_ms).encode()),
    )


async def _lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
