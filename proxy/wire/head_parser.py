"""Parses request heads strictly, and remembers the forms that repeat: one parser per worker, for both doors."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.wire.form import Form, Opening, RequestHead
from proxy.wire.form_memory import REMEMBERED_BYTES, FormMemory
from proxy.wire.head import LENGTH_DIGITS, BadRequest, read_headers, read_request_line

DEFAULT_MEMORY_BYTES = 1024 * 1024
OPENING_BYTES = 600
REPEAT_BYTES = 500
"""What a head that repeats takes besides its bytes."""
_DECIDE = frozenset((b"connection", b"expect", b"host", b"transfer-encoding", b"upgrade"))


class Repeat:
    """A head that came before: what stands around the digits of its content-length."""

    __slots__ = ("end", "form", "gap_end", "gap_start", "opening", "start")

    def __init__(self, raw: bytes, opening: Opening, form: Form, digits: int) -> None:
        """`digits`: how many; `form.repeats`."""
        self.opening = opening
        self.form = form
        self.end = form.tail
        self.gap_end = len(raw) - len(self.end)
        self.gap_start = self.gap_end - digits
        self.start = raw[: self.gap_start]


class HeadParser(FormMemory[Form]):
    """Of heads of at most `max_bytes` and `max_headers` lines.

    What is remembered is what follows the request line. Of clients that repeat themselves but for the digits of
    content-length the whole head is kept too, the last one of each size: no form need be filled in. Credentials are
    in what is remembered, and the strict parse that a new head costs takes 50 us.
    """

    def __init__(self, max_bytes: int, max_headers: int, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> None:
        super().__init__(memory_bytes, _DECIDE)
        self._openings: dict[bytes, Opening] = {}
        self._repeats: dict[int, Repeat] = {}
        """By the size of a head."""
        self._max_bytes = max_bytes
        self._max_headers = max_headers

    def configure(self, max_bytes: int, max_headers: int, memory_bytes: int) -> None:
        """Other limits: what was known is forgotten."""
        self._max_bytes = max_bytes
        self._max_headers = max_headers
        self._limit(memory_bytes)
        self._once.clear()
        self._forget()

    def parse(self, raw: bytes) -> tuple[RequestHead, int]:
        """HOT. One whole head, its blank line included, and the framing of its body. Raises BadRequest."""
        size = len(raw)
        if size > self._max_bytes:
            raise self.too_large(raw)
        repeat = self._repeats.get(size)
        if repeat is not None and raw.startswith(repeat.start) and raw.endswith(repeat.end):
            digits = raw[repeat.gap_start : repeat.gap_end]
            if digits.isdigit():
                return RequestHead(repeat.opening, repeat.form, (digits,)), int(digits)
        line, _, rest = raw.partition(b"\r\n")
        opening = self._openings.get(line) or self._opening(line)
        form = self._likely.get(size)
        values = form.read(rest) if form is not None and opening.modern else None
        if form is None or values is None:
            return self._parse_slowly(raw, rest, opening)
        if form.repeats and line in self._openings:
            self._expect_again(raw, opening, form, values[0])
        return RequestHead(opening, form, values), form.framing_of(values)

    def too_large(self, raw: bytes | bytearray) -> BadRequest:
        """What to answer to a head that has grown past `max_bytes`, ended or not."""
        if raw.find(b"\r\n", 0, self._max_bytes) < 0:
            return BadRequest(414, f"the request line is longer than {self._max_bytes} bytes")
        return BadRequest(431, f"the request head is longer than {self._max_bytes} bytes")

    def _opening(self, line: bytes) -> Opening:
        """Of a request line that is not known. Raises BadRequest."""
        opening = Opening(*read_request_line(line))
        if len(line) <= REMEMBERED_BYTES and self._came_before(line):
            self._make_room(OPENING_BYTES + 4 * len(line))
            self._openings[line] = opening
        return opening

    def _parse_slowly(self, raw: bytes, rest: bytes, opening: Opening) -> tuple[RequestHead, int]:
        """`rest`: what follows the request line."""
        found = self._find(rest, rest.count(b"\n"), len(raw)) if opening.modern else None
        if found is None:
            return self._parse_strictly(raw, rest, opening)
        form, values = found
        return RequestHead(opening, form, values), form.framing_of(values)

    def _parse_strictly(self, raw: bytes, rest: bytes, opening: Opening) -> tuple[RequestHead, int]:
        if not raw.endswith(b"\r\n\r\n"):
            raise BadRequest(400, "the request head does not end in an empty line")
        if raw.count(b"\r\n") - 2 > self._max_headers:
            raise BadRequest(431, f"more than {self._max_headers} headers")
        framing = read_headers(rest, b"1.1" if opening.modern else b"1.0")
        lines = rest.split(b"\r\n")[:-2]
        form = self._learn(lines) if opening.modern and len(raw) <= REMEMBERED_BYTES else None
        values = None if form is None else form.read(rest)
        if form is None or values is None:
            return RequestHead(opening, Form(lines, modern=opening.modern)), framing
        return RequestHead(opening, form, values), framing

    def _expect_again(self, raw: bytes, opening: Opening, form: Form, length: bytes) -> None:
        """The same head, with a length of as many digits."""
        size = len(raw)
        if not length.isdigit() or len(length) > LENGTH_DIGITS or size > REMEMBERED_BYTES:
            return
        if size not in self._repeats:
            self._make_room(REPEAT_BYTES + size)
        self._repeats[size] = Repeat(raw, opening, form, len(length))

    def _form_of(self, lines: Sequence[bytes], gaps: Sequence[int]) -> Form:
        return Form(lines, gaps)

    def _drop(self, form: Form) -> None:
        super()._drop(form)
        gone = [size for size, repeat in self._repeats.items() if repeat.form is form]
        for size in gone:
            del self._repeats[size]
            self._known_bytes -= REPEAT_BYTES + size

    def _forget(self) -> None:
        super()._forget()
        self._openings.clear()
        self._repeats.clear()
