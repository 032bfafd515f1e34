"""One connection of the mock upstream: reads requests by hand, records them, answers as scripted."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import AsyncIterable
from typing import Protocol

import trio

from loadtest.answers import LAST_CHUNK, Answer, Fault, Framing, RawRequest, chunk

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)


class ClientLeft(Exception):  # noqa: N818 - a fact, not an error
    """The client closed its side or reset the connection."""


class Cut(Exception):  # noqa: N818 - a fact, not an error
    """A scripted fault ends the connection here."""


class Owner(Protocol):
    """What a connection needs of its mock."""

    at_head: bool

    def record(self, request: RawRequest) -> None: ...
    def choose(self, request: RawRequest) -> Answer: ...
    async def may_read(self, received_bytes: int) -> int: ...


class Connection:
    """`closed` is set when the client has left; `closed_at` is trio's clock then."""

    def __init__(
        self, index: int, sock: trio.socket.SocketType, stream: trio.abc.Stream, owner: Owner
    ) -> None:
        self.index = index
        self.requests = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.closed = trio.Event()
        self.closed_at: float | None = None
        self._sock = sock
        self._stream = stream
        self._owner = owner
        self._buffer = bytearray()
        self._arrived = trio.Event()
        self._budget: int | None = None

    def __repr__(self) -> str:
        state = "closed" if self.closed.is_set() else "open"
        return f"<Connection {self.index} {state}, {self.requests} requests>"

    async def run(self) -> None:
        """Serves until the client leaves or a fault cuts the connection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            try:
                await self._serve()
            except (ClientLeft, Cut):
                pass
            finally:
                nursery.cancel_scope.cancel()
                await trio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        """Moves bytes into the buffer at once, so that a client's leaving is seen in every phase."""
        data = b"-"
        while data:
            most = await self._owner.may_read(self.received_bytes)
            try:
                data = bytes(await self._stream.receive_some(most))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            self._buffer += data
            self.received_bytes += len(data)
            self._wake()
        self.closed_at = trio.current_time()
        self.closed.set()
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()

    async def _more(self) -> None:
        if self.closed.is_set():
            raise ClientLeft
        await self._arrived.wait()

    async def _take(self, end: int) -> bytes:
        """The next `end` bytes."""
        while len(self._buffer) < end:
            await self._more()
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    async def _take_until(self, mark: bytes) -> bytes:
        """Bytes up to and with the mark."""
        while (found := self._buffer.find(mark)) < 0:
            await self._more()
        return await self._take(found + len(mark))

    async def _serve(self) -> None:
        while True:
            head = await self._take_until(b"\r\n\r\n")
            if self._owner.at_head:
                early = RawRequest(self.index, head)
                self._owner.record(early)
                await self._answer(self._owner.choose(early))
                await self.closed.wait()
                raise ClientLeft
            request = await self._read_body(head)
            self.requests += 1
            self._owner.record(request)
            answer = self._owner.choose(request)
            await self._answer(answer)
            if answer.close_after or answer.framing is Framing.CLOSE or _CLOSE.search(head):
                return await self._stream.aclose()

    async def _read_body(self, head: bytes) -> RawRequest:
        if _EXPECT.search(head):
            await self._stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        if _CHUNKED.search(head):
            raw, body = await self._read_chunks()
            return RawRequest(self.index, head, body, raw)
        length = _LENGTH.search(head)
        body = await self._take(int(length[1])) if length else b""
        return RawRequest(self.index, head, body, body)

    async def _read_chunks(self) -> tuple[bytes, bytes]:
        """A chunked body: (as on the wire, its content)."""
        raw, body, size = b"", b"", -1
        while size != 0:
            line = await self._take_until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            data = await self._take(size + 2) if size else await self._trailers()
            raw += line + data
            body += data[:size]
        return raw, body

    async def _trailers(self) -> bytes:
        lines = line = await self._take_until(b"\r\n")
        while line != b"\r\n":
            line = await self._take_until(b"\r\n")
            lines += line
        return lines

    async def _answer(self, answer: Answer) -> None:
        """Sends the answer; raises Cut at its fault, ClientLeft when the client goes before its end."""
        self._budget = None if answer.fault is Fault.NONE else answer.fault_at
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_when_closed, nursery.cancel_scope)
            try:
                await self._send_answer(answer)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.closed.wait()
            nursery.cancel_scope.cancel()
        if self.closed.is_set():
            raise ClientLeft
        if answer.fault is not Fault.NONE:
            raise Cut

    async def _stop_when_closed(self, scope: trio.CancelScope) -> None:
        await self.closed.wait()
        scope.cancel()

    async def _send_answer(self, answer: Answer) -> None:
        await trio.sleep(answer.head_delay_s)
        try:
            if answer.before:
                await self._stream.send_all(answer.before)
            await self._send_whole(answer)
        except Cut:
            pass
        await self._break(answer.fault)

    async def _send_whole(self, answer: Answer) -> None:
        if isinstance(answer.body, AsyncIterable):
            return await self._send_as_it_comes(answer, answer.body)
        for number, data in enumerate(answer.writes()):
            if number and answer.gap_s:
                await trio.sleep(answer.gap_s)
            await self._send(data)
        return None

    async def _send_as_it_comes(self, answer: Answer, body: AsyncIterable[bytes]) -> None:
        chunked = answer.framing is Framing.CHUNKED
        await self._send(answer.head())
        async for piece in body:
            await self._send(chunk(piece) if chunked else piece)
        if chunked:
            await self._send(LAST_CHUNK)

    async def _send(self, data: bytes) -> None:
        """Sends as much as the fault's budget allows; raises Cut when that is spent."""
        if self._budget is not None:
            data = data[: self._budget]
            self._budget -= len(data)
        if data:
            await self._stream.send_all(data)
            self.sent_bytes += len(data)
        if self._budget == 0:
            raise Cut

    async def _break(self, fault: Fault) -> None:
        if fault is Fault.RESET:
            linger = struct.pack("ii", 1, 0)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if fault is Fault.HALF_CLOSE:
            self._sock.shutdown(socket.SHUT_WR)
        if fault in {Fault.STALL, Fault.HALF_CLOSE}:
            await self.closed.wait()
