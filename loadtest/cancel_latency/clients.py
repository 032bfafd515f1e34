"""Clients that leave, one for each door: HTTP/1.1 is the fast door's, HTTP/2 hypercorn's."""

from __future__ import annotations

import enum
import socket
import struct
from typing import Protocol

import h2.config
import h2.connection
import h2.events
import trio

PATH = b"/v1/chat/completions"
RESET = struct.pack("ii", 1, 0)
"""`struct linger`: on, 0 s."""


class Leaving(enum.Enum):
    CLOSE = "close"
    """The connection, in good order."""
    RESET = "reset"
    """HTTP/1.1: the connection. HTTP/2: the stream, and the connection stays."""


class Client(Protocol):
    async def ask(self, body: bytes, mode: str) -> None:
        """A chat completion. `mode`: of streams; the default's when empty."""

    async def first_piece(self) -> None:
        """Waits for some of the answer's body."""

    async def leave(self, how: Leaving) -> None: ...

    async def close(self) -> None:
        """What leaving may have left open."""


class Http1Client:
    def __init__(self, stream: trio.SocketStream, key: str) -> None:
        self._stream = stream
        self._key = key

    async def ask(self, body: bytes, mode: str) -> None:
        lines = [
            b"POST %b HTTP/1.1" % PATH,
            b"Host: gateway",
            b"Authorization: Bearer %b" % self._key.encode(),
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(body),
        ]
        if mode:
            lines.append(b"x-litellm-stream-mode: %b" % mode.encode())
        await self._stream.send_all(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    async def first_piece(self) -> None:
        data = b""
        while not data.partition(b"\r\n\r\n")[2]:
            more = await self._stream.receive_some()
            assert more, f"closed after {data!r}"
            data += more

    async def leave(self, how: Leaving) -> None:
        if how is Leaving.RESET:
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await trio.aclose_forcefully(self._stream)

    async def close(self) -> None:
        await trio.aclose_forcefully(self._stream)


class Http2Client:
    """By prior knowledge (RFC 9113 section 3.3)."""

    def __init__(self, stream: trio.SocketStream, key: str) -> None:
        self._stream = stream
        self._key = key
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))

    async def ask(self, body: bytes, mode: str) -> None:
        headers = [
            (b":method", b"POST"),
            (b":path", PATH),
            (b":scheme", b"http"),
            (b":authority", b"gateway"),
            (b"authorization", b"Bearer " + self._key.encode()),
            (b"content-type", b"application/json"),
        ]
        if mode:
            headers.append((b"x-litellm-stream-mode", mode.encode()))
        self._h2.initiate_connection()
        self._h2.send_headers(1, headers)
        self._h2.send_data(1, body, end_stream=True)
        await self._flush()

    async def first_piece(self) -> None:
        while not any(isinstance(event, h2.events.DataReceived) for event in await self._events()):
            pass

    async def _events(self) -> list[h2.events.Event]:
        data = await self._stream.receive_some()
        assert data, "the gateway closed the connection"
        found = self._h2.receive_data(bytes(data))
        await self._flush()
        return found

    async def leave(self, how: Leaving) -> None:
        if how is Leaving.CLOSE:
            await trio.aclose_forcefully(self._stream)
        else:
            self._h2.reset_stream(1)
            await self._flush()

    async def close(self) -> None:
        await trio.aclose_forcefully(self._stream)

    async def _flush(self) -> None:
        await self._stream.send_all(self._h2.data_to_send())


DOORS: dict[str, type[Http1Client] | type[Http2Client]] = {"fast": Http1Client, "asgi": Http2Client}
"""By the door's name in the record."""


async def connected(door: str, port: int, key: str) -> Client:
    return DOORS[door](await trio.open_tcp_stream("127.0.0.1", port), key)
