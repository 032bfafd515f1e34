"""Moves one message's bytes from link to link while the request's task sleeps.

One recv becomes one send. A sink that is full pauses the source. Both ends, the framing and the deadline can
end it; the task that called `run` is woken once, with the reason.
"""

from __future__ import annotations

import enum
import math
import select
import time
from typing import Protocol

from proxy.wire.framing import LAST_CHUNK, BadFraming, ChunkedFraming, Framing, encode_chunk
from proxy.wire.link import Link
from proxy.wire.parking import Late

_NOT_OUT = ~select.EPOLLOUT
ENDING_BYTES = len(b"\r\n\r\n\r\n")
"""The longest end of an event: its blank line, and its chunk's."""
FAIR_SHARE_READS = 16
"""Reads in one go (1 MiB) before the other links get their turn."""


class End(enum.Enum):
    """Why a pump stopped."""

    DONE = "done"
    SOURCE_EOF = "source closed early"
    SOURCE_BROKEN = "source connection broke"
    BAD_FRAMING = "source framing is wrong"
    STALLED = "source stopped sending"
    SINK_GONE = "sink closed"
    SINK_STALLED = "sink stopped reading"
    SINK_SPOKE = "sink answered before it had everything"


class Tap(Protocol):
    """Sees the payload, without its framing, just before it is sent on."""

    def feed(self, payload: bytes) -> None: ...


class Sieve(Protocol):
    """Takes some of the payload out, of a message in chunks."""

    def feed(self, payload: bytes) -> bytes: ...
    def finish(self) -> bytes:
        """What it held, at the message's end."""


class Alike(Protocol):
    """Knows of a message in chunks which of them are like those before: nobody who reads along learns anything new."""

    taken: int
    """Bytes of the last `pass_on`."""

    def pass_on(self, data: bytes) -> bytes:
        """What the sink gets of `data`, as far as it is alike; `data` begins with a chunk's size."""

    def portion(self, data: bytes) -> int:
        """How much of it is to be read next."""

    def look(self, data: bytes) -> None:
        """At what was read, up to the end of a chunk."""


class Pump:
    """One message from `source` to `sink`. `gap_s` bounds the source's silence, `write_s` the sink's."""

    __slots__ = (
        "_alike", "_between",
        "_end", "_failure", "_framing", "_gap_s", "_moved_at", "_parking", "_pending", "_posted", "_sink", "_source",
        "_tap", "_until", "_write_s", "last", "leftover", "longest_gap_s", "moved_bytes", "sink_may_speak",
    )  # fmt: skip

    def __init__(
        self,
        source: Link,
        sink: Link,
        framing: Framing,
        tap: Tap | None,
        gap_s: float,
        write_s: float,
        until: float = math.inf,
    ) -> None:
        """`until`: monotonic seconds; what has not come, or was not taken, by then has stalled."""
        assert source.parking is not None
        assert source.parking is sink.parking, "both ends belong to one request"
        self._source = source
        self._sink = sink
        self._framing = framing
        self._tap = tap
        self._alike: Alike | None = None
        self._between = False
        """A chunk's size comes next."""
        self._gap_s = gap_s
        self._until = until
        self._write_s = write_s
        self._parking = source.parking
        self._pending = memoryview(b"")
        self._posted = False
        """Bytes wait in the reactor for the end of its round."""
        self._end: End | None = None
        self._failure: Exception | None = None
        """What was raised while the reactor called it: a bug, here or in the tap."""
        self.leftover = b""
        """Bytes that came after the message's end."""
        self.moved_bytes = 0
        self.last = b""
        """The bytes moved last: ENDING_BYTES of them at least, where there were so many."""
        self.longest_gap_s = 0.0
        """Between two pieces, as the sink took them."""
        self._moved_at = math.inf
        self.sink_may_speak = True
        """False for uploads: an answer that comes before the body's end stops the pump."""

    @property
    def sent_all(self) -> bool:
        """The sink has taken everything that was read; known for good once `run` has returned."""
        return not self._pending

    @property
    def idle(self) -> bool:
        """It goes on, and nothing of what came waits to be sent."""
        return self._end is None and not self._pending and not self._posted

    def know(self, alike: Alike) -> None:
        """Before it runs, of a message in chunks of which nothing has been read."""
        self._alike, self._between = alike, True

    async def run(self, prefix: bytes = b"", *first: bytes) -> End:
        """Send `prefix` (a head, not part of the message) and `first`, the message's first pieces, then what follows.

        Returns why it ended; never raises for either end's faults, but what the tap raises.
        """
        self._parking.set_deadline(min(time.monotonic() + self._gap_s, self._until))
        self._begin(prefix, first)
        while self._may_fill():
            self._fill()
            if self._may_fill():
                await self._parking.pass_turn()
        if self._end is None:
            await self._wait()
        if self._failure is not None:
            raise self._failure
        assert self._end is not None
        return self._end

    def _begin(self, prefix: bytes, first: tuple[bytes, ...]) -> None:
        """Head and first bytes leave in one packet where both are there."""
        bodies = [self._measure(piece) for piece in first if piece]
        good = b"".join((prefix, *filter(None, bodies)))
        if good:
            self._send(good)
        if bodies and bodies[-1] is None:
            self._finish(End.BAD_FRAMING)
        elif not good and self._framing.done:
            self._finish(End.DONE)

    async def _wait(self) -> None:
        self._source.mover = self._sink.mover = self
        self._look_around()
        try:
            while self._end is None:
                try:
                    await self._parking.park(self._parking.deadline)
                except Late:
                    self._give_up()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._source.mover = self._sink.mover = None
        if self._end is None:
            self._end = End.SINK_GONE  # cancelled: what is posted stays behind

    def _give_up(self) -> None:
        # Bytes may have moved between the deadline and this task's turn: then there is a new deadline.
        if self._end is None and self._parking.deadline == math.inf:
            self._finish(End.SINK_STALLED if self._pending else End.STALLED)

    def on_link_event(self, link: Link, mask: int) -> None:
        """HOT. From the reactor, through either link."""
        if self._parking.gone or not self.sink_may_speak:
            self._look_around()
        if self._end is not None:
            return
        if link is self._source:
            if mask & _NOT_OUT and not self._posted and not self._pending:
                self._read_and_post()
        elif link.hangup:
            self._finish(End.SINK_GONE)
        elif self._pending and mask & select.EPOLLOUT:
            self._flush()

    def _read_and_post(self) -> None:
        """HOT. One read; its bytes leave with those of the other pumps when the reactor's round is over."""
        data = self._read()
        if data is None:
            return
        body = self._measure(data)
        if body is None:
            self._finish(End.BAD_FRAMING)
        else:
            self._posted = True
            self._source.reactor.defer(self, body)

    def send_posted(self, data: bytes) -> None:
        """HOT. From the reactor, at the end of its round."""
        self._posted = False
        if self._end is not None:
            self._pending = memoryview(data)  # it stays behind
            return
        self._send(data)
        if self._source.readable and self._may_fill():  # more came, or the source has ended
            self._source.reactor.again(self._source)

    def fail(self, error: Exception) -> None:
        """From the reactor: it is raised where the request waits, and ends that."""
        if self._end is None:
            self._failure = error
            self._finish(End.SINK_GONE)

    def _look_around(self) -> None:
        """What ends it without a byte being moved: the client's leaving, whichever end it is; an early answer."""
        if self._parking.gone:
            self._finish(End.SINK_GONE if self._sink.is_client else End.SOURCE_EOF)
        elif not self.sink_may_speak and self._sink.spoke():
            self._finish(End.SINK_SPOKE)

    def _may_fill(self) -> bool:
        return self._end is None and not self._pending and self._source.readable

    def _fill(self) -> None:
        """Read until the source is dry, the sink is full, or others deserve a turn: then it is still readable."""
        for _ in range(FAIR_SHARE_READS):
            body = self._read_body()
            if body is None:
                return
            self._send(body)
            if not self._may_fill():
                return

    def _read(self) -> bytes | None:
        """What the source has; None when that is nothing, or its end."""
        try:
            data = self._source.recv()
        except OSError:
            self._finish(End.DONE if self._framing.at_reset() else End.SOURCE_BROKEN)
            return None
        if data == b"":
            self._finish(End.DONE if self._framing.at_eof() else End.SOURCE_EOF)
            return None
        return data

    def _read_body(self) -> bytes | None:
        """What the source has of the message; None when that is nothing, or its end, or framed wrongly."""
        data = self._read()
        if data is None:
            return None
        body = self._measure(data)
        if body is None:
            self._finish(End.BAD_FRAMING)
        return body

    def _measure(self, data: bytes) -> bytes | None:
        """HOT. The part of `data` that belongs to the message, shown to the tap; None when its framing is wrong."""
        return self._read_along(data) if self._alike is None else self._by_likeness(self._alike, data)

    def _by_likeness(self, alike: Alike, data: bytes) -> bytes | None:
        """HOT. What is like what was before is not read."""
        sent: list[bytes] = []
        moved_bytes, last = self.moved_bytes, self.last
        while data:
            if self._between:
                left = alike.pass_on(data)
                if alike.taken:
                    self.moved_bytes += len(left)
                    self.last = left
                    if alike.taken == len(data) and not sent:
                        return left
                    sent.append(left)
                    data = data[alike.taken :]
                    continue
            size = alike.portion(data)
            piece = data if size == len(data) else data[:size]
            body = self._read_along(piece)
            if body is None:  # nothing of this read goes out
                self.moved_bytes, self.last = moved_bytes, last
                return None
            sent.append(body)
            data = data[size:]
            if self._framing.done:
                self.leftover += data
                break
            self._between = isinstance(self._framing, ChunkedFraming) and self._framing.between_chunks
            if self._between:
                alike.look(piece)
        return b"".join(sent)

    def _read_along(self, data: bytes) -> bytes | None:
        """`_measure`, where it is not known what comes."""
        tap = self._tap
        try:
            if tap is None:
                taken = self._framing.feed(data)
            else:
                payload: list[bytes] = []
                taken = self._framing.feed(data, payload)
                if payload:
                    tap.feed(payload[0] if len(payload) == 1 else b"".join(payload))
        except BadFraming:
            return None
        self.moved_bytes += taken
        self.last = data if len(data) >= ENDING_BYTES else (self.last + data)[-ENDING_BYTES:]
        if taken == len(data):
            return data
        self.leftover = data[taken:]
        return data[:taken]

    def _send(self, data: bytes) -> None:
        """HOT. No data: the source speaks, and nothing of that is for the sink."""
        now = time.monotonic()
        if not data:
            self._parking.deadline = min(now + self._gap_s, self._until)
            return
        try:
            sent = self._sink.send(data)
        except OSError:
            self._pending = memoryview(data)
            self._finish(End.SINK_GONE)
            return
        if sent != len(data):
            self._pending = memoryview(data)[sent:]
            self._parking.set_deadline(min(now + self._write_s, self._until))
            return
        gap_s = now - self._moved_at
        if gap_s > self.longest_gap_s:
            self.longest_gap_s = gap_s
        self._moved_at = now
        if self._framing.done:
            self._finish(End.DONE)
            return
        # The deadline only moves on: whoever looks at it next looks early enough.
        late = now + self._gap_s
        self._parking.deadline = min(self._until, late)

    def _flush(self) -> None:
        try:
            sent = self._sink.send(self._pending)
        except OSError:
            self._finish(End.SINK_GONE)
            return
        self._pending = self._pending[sent:]
        if self._pending:
            if sent:
                self._parking.set_deadline(min(time.monotonic() + self._write_s, self._until))
        elif self._framing.done:
            self._finish(End.DONE)
        else:
            self._parking.set_deadline(min(time.monotonic() + self._gap_s, self._until))
            if self._source.readable:
                self._source.reactor.again(self._source)

    def _finish(self, end: End) -> None:
        """The one door out. Handlers go now, not when the task resumes: new bytes may come in between."""
        self._end = end
        self._source.mover = self._sink.mover = None
        self._parking.deadline = math.inf
        self._parking.wake()


class SievingPump(Pump):
    """Of a message in chunks: the tap sees all of it, the sink gets what the sieve leaves, in chunks of its own.

    Trailers stay behind.
    """

    __slots__ = ("_sieve",)

    def __init__(
        self,
        source: Link,
        sink: Link,
        framing: Framing,
        tap: Tap | None,
        gap_s: float,
        write_s: float,
        until: float,
        sieve: Sieve,
    ) -> None:
        super().__init__(source, sink, framing, tap, gap_s, write_s, until)
        self._sieve = sieve

    def _read_along(self, data: bytes) -> bytes | None:
        """HOT."""
        pieces: list[bytes] = []
        framing = self._framing
        try:
            taken = framing.feed(data, pieces)
        except BadFraming:
            return None
        left = b""
        if pieces:
            payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if self._tap is not None:
                self._tap.feed(payload)
            events = self._sieve.feed(payload)
            if events:
                left = b"%x\r\n%b\r\n" % (len(events), events)
        if framing.done:
            left += encode_chunk(self._sieve.finish()) + LAST_CHUNK
        size = len(left)
        self.moved_bytes += size
        if size >= ENDING_BYTES:
            self.last = left
        elif size:
            self.last = (self.last + left)[-ENDING_BYTES:]
        if taken != len(data):
            self.leftover = data[taken:]
        return left
