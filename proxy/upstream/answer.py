"""An upstream's answer whose head has been read; its body is still on the wire."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.upstream.pool import Connection, ConnectionPool
from proxy.wire.framing import (
    BadFraming,
    ChunkedFraming,
    CloseFraming,
    Framing,
    LengthFraming,
    Unwrapper,
    WrappedFraming,
    framing_of,
)
from proxy.wire.head import CHUNKED
from proxy.wire.link import Link
from proxy.wire.parking import Late, Parking
from proxy.wire.pump import Alike, End, Pump, Sieve, SievingPump, Tap
from proxy.wire.response_head import ResponseHead

GLANCE_BYTES = 256 * 1024
"""Of what has come of a stream that is left: as much as a socket holds, or so."""
DISCARD_BYTES = 64 * 1024
"""An unwanted body is read this far to save its connection; a longer one costs more than a new connection."""
NOTHING_LEFT = LengthFraming(0)


class Answer:
    """One answer. `take_whole` it, else `pump_into` a client or `read` it to its end; then `close`, in every case."""

    __slots__ = (
        "_alike",
        "_apart",
        "_buffer",
        "_closed",
        "_connection",
        "_fetched",
        "_framing",
        "_gap_s",
        "_pool",
        "_pump",
        "_spoilt",
        "_unwrapper",
        "event_bytes",
        "head",
        "passed_on",
        "received_bytes",
        "takes_event",
        "unsaid",
        "until",
        "whole",
    )

    def __init__(
        self,
        head: ResponseHead,
        buffer: bytes,
        connection: Connection,
        pool: ConnectionPool,
        gap_s: float,
        *,
        spoilt: bool,
    ) -> None:
        self.head = head
        self._connection = connection
        self._fetched: list[bytes] = []
        """What was read ahead and stands behind `_buffer`: joined once, however many pieces it came in."""
        self._pool = pool
        self._closed = False
        self._apart: Parking | None = None
        """Where it is waited for once its client has left."""
        self._gap_s = gap_s
        self._pump: Pump | None = None
        self._alike: Alike | None = None
        self._unwrapper: Callable[[], Unwrapper] | None = None
        self._spoilt = spoilt or not head.keep_alive
        """The connection cannot carry another exchange."""
        self.until = math.inf
        """Monotonic seconds: nothing of it is waited for beyond."""
        self.received_bytes = 0
        self.unsaid = False
        """A stream that did not come to its end, and so did not say what it used."""
        self.event_bytes = 0
        """Of one of its events that said something; 0: not known."""
        self.passed_on = False
        """The client's door has taken all that was read of the body."""
        self.takes_event = False
        """A broken stream that was pumped: it stopped between two events, so another may follow."""
        size = head.framing
        if 0 <= size <= len(buffer):
            self.whole: bytes | None = buffer if size == len(buffer) else buffer[:size]
            """The body, while it is here whole and not taken."""
            self._framing: Framing = NOTHING_LEFT
            self._buffer = b""
            if size != len(buffer):
                self._spoil()
        else:
            self.whole = None
            self._framing = framing_of(size)
            self._buffer = buffer

    def unwrap(self, unwrapper: Callable[[], Unwrapper]) -> None:
        """Its payload has a framing of its own: only what that holds is read. Before anything was taken."""
        self._unwrapper = unwrapper
        if self.whole is not None:
            self._buffer, self.whole = self.whole, None
            self._framing = LengthFraming(len(self._buffer))
        self._framing = WrappedFraming(self._framing, unwrapper())

    def framing_anew(self) -> Framing:
        """For whoever reads ahead."""
        framing = framing_of(self.head.framing)
        return framing if self._unwrapper is None else WrappedFraming(framing, self._unwrapper())

    def take_whole(self) -> bytes | None:
        """The whole body, when it came with the head; None when it must be pumped or read."""
        whole, self.whole = self.whole, None
        if whole is not None:
            self.received_bytes = len(whole)
        return whole

    def beginning(self) -> bytes:
        """The payload that came with the head; looking takes nothing away."""
        if self.whole is not None:
            return self.whole
        pieces: list[bytes] = []
        framing = self.framing_anew()
        with suppress(BadFraming):  # whoever reads on will say
            for held in (self._buffer, *self._fetched):
                framing.feed(held, pieces)
        return b"".join(pieces)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What is held, as it came: only the last may be framed wrongly, and those before it are good all the same."""
        return (self._buffer, *self._fetched) if self.whole is None else (self.whole,)

    @property
    def held(self) -> bytes:
        """What has come of the body and was not taken: framed, as it was sent."""
        if self.whole is not None:
            return self.whole
        if self._fetched:
            self._buffer = b"".join((self._buffer, *self._fetched))
            self._fetched.clear()
        return self._buffer

    def _take_pieces(self) -> list[bytes]:
        """What is held, as it came: of what was read ahead the last piece may be framed wrongly, and no other."""
        pieces = [self._buffer, *self._fetched]
        self._buffer = b""
        self._fetched.clear()
        return pieces

    def _take_piece(self) -> bytes:
        """The first of them; b"" where nothing is held."""
        if self._buffer or not self._fetched:
            piece, self._buffer = self._buffer, b""
            return piece
        return self._fetched.pop(0)

    def _take_held(self) -> bytes:
        held, self._buffer = self.held, b""
        return held

    @property
    def begun(self) -> bool:
        """Some payload has come. The size of a chunk alone is none: whoever is told so can still fail over."""
        held = self.held
        return bool(held) and (self.head.framing != CHUNKED or 0 < held.find(b"\r\n") < len(held) - 2)

    async def fetch(self, deadline: float) -> bytes:
        """More, which is `held` too; b"" at the end of the stream. Raises UpstreamFailure, Late, ClientGone."""
        try:
            data = await self._connection.link.read(min(deadline, self.until))
        except OSError as error:
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream connection broke") from error
        if data:
            self._fetched.append(data)
        return data

    def belongs_to(self, parking: Parking) -> None:
        """Whoever is parked there is woken by what comes of it."""
        self._connection.link.parking = parking

    def outlast(self) -> None:
        """The client left, and the rest is read all the same: its leaving wakes nobody here any more."""
        link = self._connection.link
        if link.parking is not None:
            self._apart = link.parking = link.parking.another()

    def ends_whole_if(self, says: Callable[[], bool], said_all: Callable[[], bool]) -> None:
        """Who knows the body's own last words: without a framing of its own, only they tell a whole one.

        `says`: when the connection is closed; `said_all`: when it breaks.
        """
        framing = self._framing.inner if isinstance(self._framing, WrappedFraming) else self._framing
        if isinstance(framing, CloseFraming):
            framing.whole = says
            framing.said_all = said_all

    def has_alike(self, alike: Alike) -> None:
        """Who knows which of its chunks are like those before; of one in chunks, before it is pumped."""
        self._alike = alike

    async def pump_into(
        self, client: Link, prefix: bytes, tap: Tap | None, write_s: float, sieve: Sieve | None = None
    ) -> End:
        """Relay the body as it is framed, behind `prefix`; of one in chunks what `sieve` leaves."""
        link, framing, gap_s = self._connection.link, self._framing, self._gap_s
        if sieve is None:
            pump = Pump(link, client, framing, tap, gap_s, write_s, self.until)
        else:
            pump = SievingPump(link, client, framing, tap, gap_s, write_s, self.until, sieve)
        if self._alike is not None:
            pump.know(self._alike)
        self._pump = pump
        try:
            end = await pump.run(prefix, *self._take_pieces())
        except Exception:  # a bug, of a tap's perhaps: nobody knows how far it came
            self._spoil()
            raise
        finally:  # a worker that stops cuts the pump off
            self.received_bytes = pump.moved_bytes
            if pump.leftover:
                self._spoil()
            self.passed_on = pump.sent_all
            if not self._framing.done and pump.sent_all:
                self.takes_event = self._stopped_between_events(pump.last)
        return end

    @property
    def longest_gap_s(self) -> float | None:
        """Between two pieces that were pumped; None: it was not."""
        return None if self._pump is None else self._pump.longest_gap_s

    @property
    def pumped_bytes(self) -> int:
        """So far."""
        return 0 if self._pump is None else self._pump.moved_bytes

    @property
    def takes_comment(self) -> bool:
        """It is being pumped, all that came has been sent, and that ends with an event."""
        pump = self._pump
        return pump is not None and pump.idle and self._stopped_between_events(pump.last)

    def _stopped_between_events(self, last: bytes) -> bool:
        """Nothing at all is between events too."""
        if isinstance(self._framing, ChunkedFraming):
            between = not last or last.endswith((b"\n\n\r\n", b"\r\n\r\n\r\n"))
            return between and self._framing.between_chunks
        return isinstance(self._framing, CloseFraming) and (not last or last.endswith((b"\n\n", b"\r\n\r\n")))

    async def read(self) -> bytes:
        """The next piece of payload, unframed; b"" at its end.

        Raises UpstreamFailure when the body breaks off or stalls, ClientGone.
        """
        whole = self.take_whole()
        if whole:
            return whole
        while not self._framing.done:
            data = self._take_piece() or await self._receive()
            if not data:
                if self._framing.at_eof():
                    break
                raise UpstreamFailure(ResultKind.BROKEN, "the upstream closed the connection early")
            payload = self._unframe(data)
            if payload:
                return payload
        return b""

    def glance(self, tap: Tap, most_bytes: int = GLANCE_BYTES) -> None:
        """What has come and nobody has read, of a stream that is left: it was made all the same. Without waiting."""
        limit_bytes = self.received_bytes + most_bytes
        with suppress(UpstreamFailure, OSError):
            while not self._framing.done and self.received_bytes < limit_bytes:
                data = self._take_piece() or self._connection.link.recv()
                if not data:
                    return
                tap.feed(self._unframe(data))

    async def _receive(self) -> bytes:
        try:
            return await self._connection.link.read(min(time.monotonic() + self._gap_s, self.until))
        except Late as late:
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream stopped sending") from late
        except OSError as error:
            if self._framing.at_reset():
                return b""
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream connection broke") from error

    def _unframe(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        try:
            taken = self._framing.feed(data, pieces)
        except BadFraming as error:
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream framed its body wrongly") from error
        self.received_bytes += taken
        if taken != len(data):
            self._spoil()
        return b"".join(pieces)

    def _spoil(self) -> None:
        """More came than the answer: nobody had asked for it."""
        self._spoilt = True
        self._pool.distrust(self._connection.endpoint)

    async def read_all(self, limit_bytes: int, tap: Tap | None = None) -> bytes:
        """The whole payload. Raises UpstreamFailure, also when it is larger than the limit; ClientGone."""
        pieces: list[bytes] = []
        while piece := await self.read():
            pieces.append(piece)
            if tap is not None:
                tap.feed(piece)
            if self.received_bytes > limit_bytes:
                raise UpstreamFailure(ResultKind.SERVER_ERROR, f"an answer larger than {limit_bytes} bytes")
        return b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if its exchange is complete, else cut it. Idempotent."""
        connection = self._connection
        if self._closed:
            return
        self._closed = True
        if self._apart is not None:
            self._apart.close()
        if not self._spoilt and not self._framing.done and 0 < len(self.held) < DISCARD_BYTES:
            self._finish_from_buffer()
        if self._framing.done and not self._spoilt:
            self._pool.give(connection)
        else:
            connection.link.close()

    def _finish_from_buffer(self) -> None:
        """An unwanted answer that is already here whole need not cost its connection."""
        held = self._take_held()
        try:
            if self._framing.feed(held) != len(held):
                self._spoil()
        except BadFraming:
            self._spoilt = True
