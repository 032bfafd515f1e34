"""A request's body that did not come whole with its head: read off the client's socket."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

from proxy.edge.limits import DoorLimits
from proxy.errors import GatewayError, body_too_large
from proxy.wire.framing import LAST_CHUNK, BadFraming, LengthFraming, encode_chunk, framing_of
from proxy.wire.gone import ClientGone
from proxy.wire.link import RECV_BYTES, Link
from proxy.wire.parking import Late
from proxy.wire.pump import End
from proxy.wire.uplink import Answered, Uplink

READ_BYTES = 1024 * 1024
"""Of a body that is held: gathered in the socket, and read at once."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class SocketBody:
    """Reads one body. `leftover` is what followed it: the beginning of the next request."""

    __slots__ = (
        "_buffer", "_framing", "_limits", "_link", "_owes_continue", "_until", "leftover",
    )  # fmt: skip

    def __init__(
        self, link: Link, buffer: bytes, length: int, limits: DoorLimits, *, expects_continue: bool
    ) -> None:
        self._link = link
        self._limits = limits
        self._owes_continue = expects_continue and not buffer
        self._framing = framing_of(length)
        self._buffer = buffer
        self._until = math.inf
        self.leftover = b""

    @property
    def done(self) -> bool:
        """Nothing of it is on the wire any more."""
        return self._framing.done

    async def read_all(self, limit_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
        """Raises GatewayError 413 as soon as it is known to be too large, 408, 400, what `hold` does, ClientGone."""
        if isinstance(self._framing, LengthFraming):
            if self._framing.remaining > limit_bytes:
                raise body_too_large(limit_bytes)
            if self._framing.remaining > RECV_BYTES:
                return await self._gather(self._framing, hold)
        pieces, size = [], 0
        while piece := await self.read_some():
            if hold is not None:
                hold(len(piece))
            pieces.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise body_too_large(limit_bytes)
        return b"".join(pieces)

    async def _gather(self, framing: LengthFraming, hold: Callable[[int], None] | None) -> bytes:
        """A large body that is held: few large pieces, which are joined, cost less than many."""
        pieces: list[bytes] = []
        try:
            while not framing.done:
                if not self._buffer:
                    self._link.gather(min(framing.remaining, READ_BYTES))
                pieces.append(await self.read_some())
                if hold is not None:
                    hold(len(pieces[-1]))
        finally:
            if not self._link.closed:
                self._link.gather(1)
        return b"".join(pieces)

    async def read_some(self, look: Callable[[], None] | None = None) -> bytes:
        """The next payload, b"" at the end. Raises GatewayError 408 or 400, ClientGone.

        `look`: as for `Link.read`.
        """
        while not self._framing.done:
            data, self._buffer = self._buffer, b""
            payload = self._unframe(data or await self._receive(look))
            if payload:
                return payload
        return b""

    async def _receive(self, look: Callable[[], None] | None) -> bytes:
        try:
            await self._say_continue()
            deadline = min(time.monotonic() + self._limits.body_timeout_s, self._until)
            data = await self._link.read(deadline, READ_BYTES, look)
        except Late as late:
            if time.monotonic() >= self._until:
                raise
            data = self._gathered()
            if not data:
                raise _too_slow() from late
        except OSError as error:
            raise ClientGone from error
        if not data:
            raise ClientGone
        return data

    def _gathered(self) -> bytes:
        """What has come, if it is less than was to be gathered: a slow client is not a silent one."""
        try:
            return self._link.recv(READ_BYTES) or b""
        except OSError:
            return b""

    async def _say_continue(self) -> None:
        if self._owes_continue:
            self._owes_continue = False
            await self._link.write(CONTINUE, self._limits.write_timeout_s)

    def _unframe(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        try:
            taken = self._framing.feed(data, pieces)
        except BadFraming as bad:
            raise GatewayError(400, f"The request body is framed wrongly: {bad}") from bad
        if taken != len(data):
            self.leftover = data[taken:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def send_to(self, uplink: Uplink) -> None:
        """Move what is left to an upstream, framed as it came. Raises Answered, Late, ClientGone, GatewayError.

        Chunk extensions and trailers stay behind: only the payload is the client's business upstream.
        """
        self._until = uplink.until
        if isinstance(self._framing, LengthFraming):
            return await self._pump(uplink)
        while piece := await self.read_some(uplink.look):
            await uplink.write(encode_chunk(piece))
        return await uplink.write(LAST_CHUNK)

    async def _pump(self, uplink: Uplink) -> None:
        try:
            await self._say_continue()
        except (Late, OSError) as error:
            raise ClientGone from error
        pump = uplink.pump(self._link, self._framing, self._limits.body_timeout_s)
        buffer, self._buffer = self._buffer, b""
        end = await pump.run(b"", buffer)
        self.leftover = pump.leftover
        if end is End.STALLED and time.monotonic() >= uplink.until:
            raise Late
        _judge(end)

    def skip_buffered(self) -> None:
        """Read past a body nobody wants, as far as it is here already."""
        if not self._framing.done and self._buffer:
            buffer, self._buffer = self._buffer, b""
            with suppress(GatewayError):  # an answer is on its way already; this only ends the connection
                self._unframe(buffer)


def _too_slow() -> GatewayError:
    return GatewayError(408, "The request body stopped coming.", code="request_timeout")


def _judge(end: End) -> None:
    """Of an upload. Raises what it means."""
    if end in (End.SOURCE_EOF, End.SOURCE_BROKEN):
        raise ClientGone
    if end is End.STALLED:
        raise _too_slow()
    if end is not End.DONE:  # a sink that closed or stopped reading may still have answered
        raise Answered
