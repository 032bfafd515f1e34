"""The complete door: an ASGI 3 app on trio. hypercorn serves with it what the fast door does not carry.

Framing, interim answers and header case are the server's here; everything else is as on the fast door.
Specification: https://asgi.readthedocs.io/en/stable/specs/www.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from proxy.edge.hangup import CUT, HANGUP, UPLOAD, Hangup
from proxy.edge.limits import DoorLimits
from proxy.edge.own_headers import KEEP_ALIVE, STREAM_HEADERS, own_headers
from proxy.edge.scope_head import head_of, refusal
from proxy.edge.upload import Upload
from proxy.edge.websocket import as_http
from proxy.errors import GatewayError, UpstreamFailure, body_too_large
from proxy.gateway.exchange import Exchange
from proxy.types import Headers, Reply
from proxy.upstream.answer import Answer
from proxy.wire.form import RequestHead
from proxy.wire.framing import LAST_CHUNK, encode_chunk
from proxy.wire.gone import ClientGone
from proxy.wire.head import CHUNKED, NO_BODY, UNTIL_CLOSE, BadRequest
from proxy.wire.head_parser import HeadParser
from proxy.wire.parking import Late, Parking
from proxy.wire.pump import End, Sieve, Tap
from proxy.wire.reactor import Reactor
from proxy.wire.response_head import ResponseHead
from proxy.wire.uplink import Uplink

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope


class AsgiApp:
    """The pipeline as an ASGI app."""

    def __init__(
        self,
        reactor: Reactor,
        limits: DoorLimits,
        parser: HeadParser,
        serve: Callable[[Exchange], Awaitable[None]],
    ) -> None:
        """`limits` and `serve` may be exchanged: the next request is served by the new ones."""
        self._reactor = reactor
        self._parser = parser
        self.limits = limits
        self.serve = serve

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            scope, receive, send = as_http(scope, receive, send)
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await _lifespan(receive, send)

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            head, length = head_of(scope, self._parser)
        except BadRequest as bad:
            await _refuse(bad, send)
            return
        exchange = AsgiExchange(self._reactor, self.limits, head, length, scope, receive, send)
        try:
            await self.serve(exchange)
        finally:
            exchange.parking.close()


async def _refuse(bad: BadRequest, send: ASGISendCallable) -> None:
    reply = refusal(bad).reply()
    headers = [(name, value) for name, value in own_headers(reply, ())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def _lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Everything is built before the server starts: there is nothing to wait for."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


class AsgiExchange:
    """Implements gateway.exchange.Exchange."""

    def __init__(
        self,
        reactor: Reactor,
        limits: DoorLimits,
        head: RequestHead,
        length: int,
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        self.head = head
        self.body_length = length
        self.parking = Parking(reactor)
        self.door = "asgi"
        self.lines = b""
        self.committed = False
        self.opened_early = False
        self.sent_bytes = self.next_event = 0
        self.body_read = self.body_length in (NO_BODY, 0)
        self._unbounded = False
        """The answer's length was not announced: it has room for one more piece."""
        self._last = b""
        """The end of what was written: an event's blank line has at most 4 bytes."""
        self._limits = limits
        self._receive = receive
        self._send = send
        state: dict[str, Any] = scope.get("state", {})
        self._cut: Callable[[], Awaitable[None]] | None = state.get(CUT)
        fed: Upload | None = state.get(UPLOAD)
        self._upload = fed or Upload()
        self.beside: Callable[[], Awaitable[None]] | None = self._listen if fed is None else None
        self._upload.watch(self.parking.wake, self.parking.leave)
        hangup: Hangup | None = state.get(HANGUP)
        if hangup is not None:
            hangup.watch(self.parking.leave)
        self._turn = trio.Lock()
        self._until = math.inf
        """No piece is waited for beyond."""

    async def _listen(self) -> None:
        """Receive all the while: only `http.disconnect` tells that the client has left."""
        upload = self._upload
        try:
            while (message := await self._receive())["type"] == "http.request":
                if message["body"] and not self.body_read:
                    upload.feed(message["body"])
                if not message["more_body"]:
                    upload.end()
                await upload.room()
        finally:
            upload.leave()

    def take_whole(self) -> bytes:
        return b""

    async def read_body(self, limit_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
        if self.body_length > limit_bytes:
            raise body_too_large(limit_bytes)
        pieces, size = [], 0
        while piece := await self.read_some():
            if hold is not None:
                hold(len(piece))
            pieces.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise body_too_large(limit_bytes)
        return b"".join(pieces)

    async def read_some(self) -> bytes:
        return await self._next_piece(None)

    async def _next_piece(self, look: Callable[[], None] | None) -> bytes:
        """`look`: as for `Link.read`."""
        deadline = min(time.monotonic() + self._limits.body_timeout_s, self._until)
        while not self.body_read:
            if self.parking.gone:
                raise ClientGone
            if piece := await self._upload.take():
                return piece
            if self._upload.ended:
                self.body_read = True
            else:
                await self._wait_for_piece(deadline, look)
        if self.parking.gone:
            raise ClientGone
        return b""

    async def _wait_for_piece(self, deadline: float, look: Callable[[], None] | None) -> None:
        """What comes of the body wakes the parking, and so does an upstream that speaks."""
        if look is not None:
            look()
        try:
            await self.parking.park(deadline)
        except Late:
            if time.monotonic() >= self._until:
                raise
            raise GatewayError(408, "The request body stopped coming.", code="request_timeout") from None

    async def send_to(self, uplink: Uplink) -> None:
        self._until = uplink.until
        chunked = self.body_length == CHUNKED
        while piece := await self._next_piece(uplink.look):
            await uplink.write(encode_chunk(piece) if chunked else piece)
        if chunked:
            await uplink.write(LAST_CHUNK)

    async def answer(self, reply: Reply, extra: Headers = ()) -> None:
        await self._start(reply.status, own_headers(reply, extra))
        if (
            reply.body and self.head.method != b"HEAD"
        ):  # who has the head of such an answer has all of it, and may leave
            await self.write(reply.body)
        await self.end()

    async def inform(self, head: ResponseHead) -> None:
        """ASGI has no interim answers but early hints under HTTP/2: they stay behind here."""

    def relay_at_once(self, answer: Answer, extra: bytes, tap: Tap | None) -> bool:
        """Sending waits for the server here."""
        return False

    async def relay(self, answer: Answer, extra: bytes, tap: Tap | None, sieve: Sieve | None = None) -> End:
        self._unbounded = answer.head.framing in (CHUNKED, UNTIL_CLOSE)
        await self._start(answer.head.status, (*answer.head.headers(), *_pairs(extra)))
        try:
            while piece := await answer.read():
                if tap is not None:
                    tap.feed(piece)
                answer.passed_on = False
                await self._write_left(piece if sieve is None else sieve.feed(piece))
                answer.passed_on = True
            if sieve is not None:
                await self._write_left(sieve.finish())
        except ClientGone:
            return End.SINK_GONE
        except UpstreamFailure:
            return End.SOURCE_BROKEN
        await self.end()
        return End.DONE

    async def _write_left(self, piece: bytes) -> None:
        if piece:
            await self.write(piece)

    async def begin(self, head: ResponseHead, extra: bytes) -> None:
        headers = tuple(header for header in head.headers() if header[0].lower() != b"content-length")
        self._unbounded = True
        await self._start(head.status, (*headers, *_pairs(extra)))

    async def _start(self, status: int, headers: Headers) -> None:
        self.committed = True
        await self._send({
            "type": "http.response.start",
            "status": status,
            "headers": [(name.lower(), value) for name, value in (*headers, *_pairs(self.lines))],
            "trailers": False,
        })  # fmt: skip

    async def write(self, piece: bytes) -> None:
        if self.parking.gone:
            raise ClientGone
        self._last = (self._last + piece[-4:])[-4:]
        await self._say(piece)
        self.sent_bytes += len(piece)

    async def _say(self, piece: bytes) -> None:
        """One after the other: comments come from beside."""
        async with self._turn:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    @property
    def told_bytes(self) -> int:
        return self.sent_bytes

    @property
    def _between_events(self) -> bool:
        return self._unbounded and (not self._last or self._last.endswith((b"\n\n", b"\r\n\r\n")))

    async def end(self) -> None:
        self._unbounded = False
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_alive(self, extra: bytes) -> None:
        if not self.committed:
            self.opened_early = self._unbounded = True
            await self._start(200, (*STREAM_HEADERS, *_pairs(extra)))
        if self._between_events and not self.parking.gone:
            await self._say(KEEP_ALIVE)
            self.sent_bytes += len(KEEP_ALIVE)

    async def abort(self, last_words: bytes = b"") -> None:
        # The app returns without its last body message: over HTTP/1 the server cuts the connection.
        if last_words and self._between_events:
            await self.write(last_words)
        if self._cut is not None:
            await self._cut()


def _pairs(lines: bytes) -> Headers:
    fields = (line.partition(b":") for line in lines.split(b"\r\n") if line)
    return tuple((name, value.strip()) for name, _, value in fields)
