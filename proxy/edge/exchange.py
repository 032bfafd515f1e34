"""One request and its answer on the fast door's raw socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from proxy.edge.body import SocketBody
from proxy.edge.limits import DoorLimits
from proxy.edge.own_headers import KEEP_ALIVE, STREAM_HEADERS, own_headers
from proxy.types import Headers, Reply
from proxy.upstream.answer import Answer
from proxy.wire.form import RequestHead
from proxy.wire.framing import LAST_CHUNK, encode_chunk
from proxy.wire.gone import ClientGone
from proxy.wire.head import CHUNKED, NO_BODY, UNTIL_CLOSE
from proxy.wire.link import POST_BYTES, Link
from proxy.wire.parking import Late
from proxy.wire.pump import End, Sieve, Tap
from proxy.wire.response_head import ResponseHead
from proxy.wire.uplink import Uplink

KEEP_ALIVE_CHUNK = encode_chunk(KEEP_ALIVE)
OWN_STREAM = b"".join(b"%b: %b\r\n" % line for line in STREAM_HEADERS) + b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
ENDING_BYTES = len(b"\r\n\r\n")
STRETCH_BYTES = 64 * 1024
"""Of an answer, that a client has `write_timeout_s` for."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`struct linger`: on, 0 s."""
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_REFRAMED = frozenset((b"content-length", b"transfer-encoding"))


class FastExchange:
    """Implements gateway.exchange.Exchange."""

    __slots__ = (
        "_appendable", "_body", "_chunked", "_last", "_leftover", "_limits", "_link", "_pumped", "_until_close",
        "_whole", "beside", "body_length", "closing", "committed", "door", "head", "lines", "next_event",
        "opened_early", "parking", "sent_bytes",
    )  # fmt: skip

    def __init__(self, limits: DoorLimits, link: Link, head: RequestHead, length: int, buffer: bytes) -> None:
        assert link.parking is not None
        self._limits = limits
        self._link = link
        self._body: SocketBody | None = None
        """Of what is not here yet."""
        if length > len(buffer) or length == CHUNKED:
            self._body = SocketBody(link, buffer, length, limits, expects_continue=head.form.expect_continue)
            self._whole = self._leftover = b""
        else:
            end = 0 if length == NO_BODY else length
            self._whole, self._leftover = buffer[:end], buffer[end:]
        self.head = head
        self.body_length = length
        self.parking = link.parking
        self.door = "fast"
        self.beside: Callable[[], Awaitable[None]] | None = None
        self.lines = b""
        self.committed = False
        self.opened_early = False
        self._chunked = False
        self._pumped: Answer | None = None
        """What is being relayed to the client just now."""
        self._until_close = False
        self._appendable = False
        """One more event may follow what was sent."""
        self._last = b""
        """The end of what was written: an event's blank line has at most ENDING_BYTES."""
        self.closing = False
        """The connection ends after this answer."""
        self.sent_bytes = self.next_event = 0

    @property
    def leftover(self) -> bytes:
        """What the client sent after this request."""
        return self._leftover if self._body is None else self._body.leftover

    @property
    def body_read(self) -> bool:
        """Nothing of it is on the wire any more."""
        return self._body is None or self._body.done

    def take_whole(self) -> bytes:
        whole, self._whole = self._whole, b""
        return whole

    async def read_body(self, limit_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
        return self.take_whole() if self._body is None else await self._body.read_all(limit_bytes, hold)

    async def read_some(self) -> bytes:
        return self.take_whole() if self._body is None else await self._body.read_some()

    async def send_to(self, uplink: Uplink) -> None:
        if self._body is not None:
            return await self._body.send_to(uplink)
        return await uplink.write(self.take_whole())

    async def answer(self, reply: Reply, extra: Headers = ()) -> None:
        lines = b"".join(b"%b: %b\r\n" % header for header in own_headers(reply, extra))
        status = b"HTTP/1.1 %d %b\r\n" % (reply.status, _REASONS.get(reply.status, b""))
        body = b"" if self.head.method == b"HEAD" else reply.body
        await self._write(status + lines + self._commit() + b"\r\n" + body)
        self.sent_bytes = len(body)

    async def inform(self, head: ResponseHead) -> None:
        if self.committed:  # by a comment: what came before an answer cannot follow it
            return
        await self._write(_status_line(head) + head.lines + b"\r\n")

    def relay_at_once(self, answer: Answer, extra: bytes, tap: Tap | None) -> bool:
        head, body, link = answer.head, answer.whole, self._link
        if body is None or self.closing or self.parking.gone or self.lines or not link.caught_up:
            return False
        if self._body is not None and not self._body.done:
            return False
        line = _OK if head.status == 200 and head.reason == b"OK" else _status_line(head)
        data = b"%b%b%b\r\n%b" % (line, head.lines, extra, body)
        if len(data) > POST_BYTES:
            return False
        answer.take_whole()
        if tap is not None:
            tap.feed(body)
        self.committed = True
        link.post(data)
        self.sent_bytes = len(body)
        return True

    async def relay(self, answer: Answer, extra: bytes, tap: Tap | None, sieve: Sieve | None = None) -> End:
        head = answer.head
        if head.framing == UNTIL_CLOSE:
            self.closing = self._until_close = True
        prefix = b"%b%b%b%b\r\n" % (_status_line(head), head.lines, extra, self._commit())
        self._chunked = head.framing == CHUNKED
        whole = answer.take_whole()
        if whole is not None and tap is not None:
            tap.feed(whole)
        if self.parking.gone:  # it left while the answer was waited for all the same
            self.closing = True
            return End.SINK_GONE
        if whole is not None:
            return await self._send_whole(prefix, whole)
        self._pumped = answer
        try:
            end = await answer.pump_into(self._link, prefix, tap, self._limits.write_timeout_s, sieve)
        finally:
            self._pumped = None
            self.sent_bytes = answer.received_bytes
            self._appendable = answer.takes_event
        if end is not End.DONE:
            self.closing = True
        if end is End.SINK_STALLED:
            self._deny_end()
        return end

    async def _send_whole(self, prefix: bytes, body: bytes) -> End:
        """An answer that is here already needs no pump."""
        data = prefix + body
        try:
            sent = self._link.send(data)
            if sent != len(data):
                await self._write(data[sent:])
        except (ClientGone, OSError):
            self.closing = True
            return End.SINK_GONE
        self.sent_bytes = len(body)
        return End.DONE

    async def begin(self, head: ResponseHead, extra: bytes) -> None:
        lines = b"".join(
            b"%b: %b\r\n" % (name, value) for name, value in head.headers() if name.lower() not in _REFRAMED
        )
        framing = b"Transfer-Encoding: chunked\r\n"
        self._chunked = True
        await self._write(_status_line(head) + lines + framing + extra + self._commit() + b"\r\n")
        self._appendable = True

    async def write(self, piece: bytes) -> None:
        self._appendable = False
        await self._write(encode_chunk(piece))
        self.sent_bytes += len(piece)
        self._last = (self._last + piece[-ENDING_BYTES:])[-ENDING_BYTES:]
        self._appendable = self._last.endswith((b"\n\n", b"\r\n\r\n"))

    async def end(self) -> None:
        self._appendable = False
        await self._write(LAST_CHUNK)

    @property
    def told_bytes(self) -> int:
        return self.sent_bytes if self._pumped is None else self._pumped.pumped_bytes

    async def keep_alive(self, extra: bytes) -> None:
        """Posted, not written: the request's task may be parked where a write would wait."""
        if not self._link.caught_up:
            return
        pumped = self._pumped
        if self.committed and not (self._appendable if pumped is None else pumped.takes_comment):
            return
        data = KEEP_ALIVE_CHUNK if self._chunked or not self.committed else KEEP_ALIVE
        if not self.committed:
            self.opened_early = self._chunked = self._appendable = True
            data = b"%b%b%b%b\r\n%b" % (_OK, OWN_STREAM, extra, self._commit(), data)
        self._link.post(data)
        self.sent_bytes += len(KEEP_ALIVE)

    async def abort(self, last_words: bytes = b"") -> None:
        self.closing = True
        appendable, self._appendable = self._appendable, False
        if last_words and appendable:
            await self._write(encode_chunk(last_words) if self._chunked else last_words)
        else:
            self._deny_end()

    def _deny_end(self) -> None:
        """A plain close would say that this was all."""
        if self._until_close:
            self._link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def _commit(self) -> bytes:
        """The answer's head is final now; its last lines, and what it says of the connection."""
        self.committed = True
        if self._body is not None:
            self._body.skip_buffered()
            self.closing = self.closing or not self._body.done
        return self.lines + CLOSE if self.closing else self.lines

    async def _write(self, data: bytes) -> None:
        """However long it is, a client that goes on taking it is not cut off."""
        rest = memoryview(data)
        try:
            while rest:
                await self._link.write(rest[:STRETCH_BYTES], self._limits.write_timeout_s)
                rest = rest[STRETCH_BYTES:]
        except (Late, OSError) as error:
            self.closing = True
            raise ClientGone from error


_OK = b"HTTP/1.1 200 OK\r\n"


def _status_line(head: ResponseHead) -> bytes:
    if head.status == 200 and head.reason == b"OK":
        return _OK
    return b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)
