"""A stream that begins with bytes already read: how a connection changes from the fast door to hypercorn."""

from __future__ import annotations

import trio

from proxy.edge.hangup import Hangup

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"
"""RFC 9113 section 3.4"""


class ReplayedStream:
    """The part of `trio.SocketStream` that hypercorn uses, with `first` read before the socket.

    hypercorn shields its writes from cancellation, so a client that stops reading would hold them for ever:
    `write_s` bounds each.
    """

    def __init__(self, stream: trio.SocketStream, first: bytes, write_s: float, hangup: Hangup) -> None:
        self._stream = stream
        self.hangup = hangup
        self._first = first
        self._write_s = write_s
        self.socket = stream.socket

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            await trio.lowlevel.checkpoint()
            return first
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes) -> None:
        with trio.move_on_after(self._write_s) as scope:
            await self._stream.send_all(data)
        if scope.cancelled_caught:
            await self.aclose()  # who waits to read hears of it too
            raise trio.BrokenResourceError("the client stopped reading")

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        self.hangup.close()
        await self._stream.aclose()
