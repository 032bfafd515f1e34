"""A client connection that reads strictly and keeps what it saw: whole or not, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httptools
import trio

READ_BYTES = 65536


@dataclass
class Seen:
    """Of one answer. Times are trio's clock, seconds."""

    asked_at: float
    status: int = 0
    """0: the connection ended before a head."""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """The framing ended as it should, and nothing came behind."""
    malformed: str = ""
    """Why it is not HTTP."""
    left: bool = False
    """The client went, as it had meant to."""
    hung: bool = False
    """The client gave up long after the deadline."""
    first_at: float | None = None
    """The body's first byte."""
    ended_at: float = 0.0

    @property
    def took_s(self) -> float:
        return self.ended_at - self.asked_at

    @property
    def call_id(self) -> str:
        return self.headers.get(b"x-litellm-call-id", b"").decode()


class _Reading:
    """What httptools calls."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError."""
        self._parser.feed_data(data)

    def finish(self) -> None:
        self._seen.headers = self._headers
        self._seen.body = b"".join(self._pieces)

    def on_message_begin(self) -> None:
        if self._seen.whole:
            self._seen.malformed = "bytes behind its end"

    def on_headers_complete(self) -> None:
        self._seen.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, piece: bytes) -> None:
        if self._seen.first_at is None:
            self._seen.first_at = trio.current_time()
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._seen.whole = True


class Connection:
    """To the gateway; opened anew whenever the last answer left it closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream: trio.SocketStream | None = None

    async def ask(self, request: bytes, give_up_s: float, leave_s: float | None) -> Seen:
        """`leave_s`: the client's stay, when it does not wait for the end."""
        if self._stream is None:
            self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        seen = Seen(asked_at=trio.current_time())
        reading = _Reading(seen)
        with trio.move_on_after(give_up_s if leave_s is None else leave_s) as patience:
            await self._exchange(self._stream, request, reading, seen)
        seen.ended_at = trio.current_time()
        seen.left = patience.cancelled_caught and leave_s is not None
        seen.hung = patience.cancelled_caught and leave_s is None
        reading.finish()
        if not seen.whole or seen.headers.get(b"connection") == b"close":
            await self.close()
        return seen

    @staticmethod
    async def _exchange(stream: trio.SocketStream, request: bytes, reading: _Reading, seen: Seen) -> None:
        try:
            await stream.send_all(request)
            while not seen.whole:
                data = await stream.receive_some(READ_BYTES)
                if not data:
                    return
                reading.feed(bytes(data))
        except trio.BrokenResourceError:
            return
        except httptools.HttpParserError as error:
            seen.malformed, seen.whole = str(error), False

    async def close(self) -> None:
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)
            self._stream = None
