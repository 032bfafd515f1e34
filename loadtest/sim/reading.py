"""What a client makes of an answer's bytes: simple, strict, and none of the gateway's own code."""

from __future__ import annotations

from loadtest.sim.languages import said_last

_FRAMED_CHUNKS, _FRAMED_LENGTH, _UNTIL_CLOSE = "chunks", "length", "close"


class Unreadable(Exception):  # noqa: N818 - a fact
    """The bytes are no HTTP answer."""


class AnswerReader:
    """Fed with bytes; one answer, its interim ones skipped."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.payload = bytearray()
        self.done = False
        self.interim: list[int] = []
        self._data = bytearray()
        self._left = 0
        self._framed = ""
        self._in_chunk = False
        self._in_trailers = False

    def feed(self, data: bytes) -> None:
        """Raises Unreadable."""
        self._data += data
        while not self.status and b"\r\n\r\n" in self._data:
            self._read_head()
        if not self.status:
            return
        if self._framed == _FRAMED_CHUNKS:
            while not self.done and self._read_chunks():
                pass
        elif self._framed == _FRAMED_LENGTH:
            self._take(self._left)
            self.done = self._left == 0
        else:
            self._take(len(self._data))
        if self.done and self._data:
            raise Unreadable(f"bytes behind the answer: {bytes(self._data[:80])!r}")

    def whole_at_close(self) -> bool:
        """Whether a clean close here is the answer's end. Streams say so themselves."""
        streams = self.headers.get(b"content-type", b"").startswith(b"text/event-stream")
        said_all = not streams or said_last(bytes(self.payload))
        return bool(self.status) and self._framed == _UNTIL_CLOSE and said_all

    @property
    def begun(self) -> bool:
        return bool(self.status or self._data)

    def _read_head(self) -> None:
        head, _, rest = bytes(self._data).partition(b"\r\n\r\n")
        self._data = bytearray(rest)
        first, *lines = head.split(b"\r\n")
        version, _, status = first.partition(b" ")
        if version != b"HTTP/1.1" or not status[:3].isdigit():
            raise Unreadable(f"not a status line: {first[:80]!r}")
        number = int(status[:3])
        if number < 200:
            self.interim.append(number)
            return
        headers = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise Unreadable(f"not a header: {line[:80]!r}")
            headers[name.lower()] = value.strip()
        self.status, self.headers = number, headers
        self._frame()

    def _frame(self) -> None:
        length, coding = self.headers.get(b"content-length"), self.headers.get(b"transfer-encoding")
        if length is not None and coding is not None:
            raise Unreadable("framed twice")
        if coding is not None:
            self._framed = _FRAMED_CHUNKS
        elif length is not None:
            self._framed, self._left = _FRAMED_LENGTH, int(length)
        else:
            self._framed = _UNTIL_CLOSE

    def _take(self, most: int) -> None:
        piece = self._data[:most]
        self.payload += piece
        del self._data[: len(piece)]
        self._left -= len(piece)

    def _read_chunks(self) -> bool:
        """False: more bytes are needed."""
        if self._in_chunk:
            self._take(self._left)
            if self._left or len(self._data) < 2:
                return False
            if self._data[:2] != b"\r\n":
                raise Unreadable("a chunk that does not end")
            del self._data[:2]
            self._in_chunk = False
        at = self._data.find(b"\r\n")
        if at < 0:
            return False
        line = bytes(self._data[:at])
        del self._data[: at + 2]
        if self._in_trailers:
            self.done = not line
            return not self.done
        try:
            self._left = int(line, 16)
        except ValueError as error:
            raise Unreadable(f"not a chunk's size: {line[:80]!r}") from error
        self._in_chunk = self._left > 0
        self._in_trailers = not self._in_chunk
        return True
