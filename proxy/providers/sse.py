"""Server-sent events, sans-io: bytes in any split go in, the data of whole events comes out.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re

from proxy.errors import UpstreamFailure
from proxy.types import ResultKind

EVENT_LIMIT_BYTES = 16 * 1024 * 1024
"""Of one event: an image in base64 fits, an endless line does not."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseReader:
    """Splits one stream into events. Only `data` is kept: names, ids and comments are dropped."""

    def __init__(self, limit_bytes: int = EVENT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._line: list[bytes] = []  # pieces of the line that has not ended
        self._data: list[bytes] = []  # data lines of the event that has not ended
        self._held_bytes = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that ends in `chunk`, its lines joined by LF.

        Raises UpstreamFailure when one event is larger than the limit.
        """
        if not chunk:
            return []
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")  # a CR LF that came in two pieces is one line end
        self._after_cr = chunk.endswith(b"\r")
        *ends, rest = _LINE_END.split(chunk)
        events = [event for end in ends if (event := self._end_line(end)) is not None]
        self._hold(self._line, rest)
        return events

    def finish(self) -> bytes | None:
        """At the end of the stream: the data of an event whose blank line is missing; it may be torn.

        The standard drops it; some servers leave out the blank line after `[DONE]`.
        """
        return self._end_line(b"") or self._end_event()

    def _end_line(self, end: bytes) -> bytes | None:
        """The event's data when this line is the blank one that ends it."""
        line = b"".join((*self._line, end))
        self._held_bytes -= sum(map(len, self._line))
        self._line.clear()
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._end_event()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._held_bytes += 1  # the LF that joins it: lines without text are bounded too
            self._hold(self._data, value.removeprefix(b" "))
        return None

    def _end_event(self) -> bytes | None:
        if not self._data:
            return None
        event = b"\n".join(self._data)
        self._data.clear()
        self._held_bytes = 0
        return event

    def _hold(self, pieces: list[bytes], piece: bytes) -> None:
        self._held_bytes += len(piece)
        if self._held_bytes > self._limit_bytes:
            raise UpstreamFailure(ResultKind.BROKEN, f"an event of more than {self._limit_bytes} bytes")
        pieces.append(piece)
