"""Parses request heads strictly, and remembers the forms that repeat: one parser per worker, for both doors."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from proxy.wire.form import SIEVES_REMEMBERED, Form, Opening, RequestHead
from proxy.wire.head import LENGTH_DIGITS, BadRequest, read_headers, read_request_line

DEFAULT_MEMORY_BYTES = 1024 * 1024
REMEMBERED_BYTES = 8192
"""The longest head whose form is remembered, and with it the longest request line."""
FORMS_ALIKE = 8
"""Forms of as many lines that are remembered: they are tried one after the other."""
NEW_LINES = 6
"""New lines, of a layout that came before, that are taken for a proxy's: or up to half of all lines. If there are more,
it is a new client, whose lines will come again."""
WIDENED = 2
"""Lines in which a head may differ from a known form for these lines to become gaps of it. One that differs in more is
another client's, until there are FORMS_ALIKE."""
FORM_BYTES = 2_000
LINE_BYTES = 400
"""What a form takes besides its texts, and besides that for each line."""
OPENING_BYTES = 600
SIGHTING_BYTES = 110
"""A number, and its place in a set that has just grown."""
REPEAT_BYTES = 500
"""What a head that repeats takes besides its bytes."""
SIZES_REMEMBERED = 512
"""Sizes of heads of which is known what form they had last. Emptied when full."""
SIGHTINGS_SHARE = 4
"""One in so many bytes is for what came once."""
_DECIDE = frozenset((b"connection", b"expect", b"host", b"transfer-encoding", b"upgrade"))
"""Lines that never are gaps: on their values the head as a whole depends."""
_LENGTH = b"content-length"


class Repeat:
    """A head that came before: what stands around the digits of its content-length."""

    __slots__ = ("end", "form", "gap", "opening", "start")

    def __init__(self, raw: bytes, opening: Opening, form: Form, digits: int) -> None:
        """`digits`: how many; `form.repeats`."""
        self.opening = opening
        self.form = form
        self.end = form.tail
        at = len(raw) - len(self.end)
        self.start = raw[: at - digits]
        self.gap = slice(at - digits, at)


class HeadParser:
    """Of heads of at most `max_bytes` and `max_headers` lines.

    A head becomes a form at the second sighting of its lines, once the strict parse has passed it. Lines that came for
    the first time get gaps, and so does in time whatever differs between heads that are alike. A head of a known form
    is compared with its texts, byte for byte, and what is in the gaps is checked. Of clients that repeat themselves but
    for the digits of content-length the whole head is kept too, the last one of each size: no form need be filled in.

    All that is known takes at most `memory_bytes`, by an estimate that is never too low; credentials are in it. A full
    memory is simply emptied: that costs each busy client some strict parses (50 us each).
    """

    def __init__(self, max_bytes: int, max_headers: int, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> None:
        self._openings: dict[bytes, Opening] = {}
        self._forms: dict[int, list[Form]] = {}
        """By the number of lines."""
        self._likely: dict[int, Form] = {}
        """By the size of a head: which form to try first."""
        self._repeats: dict[int, Repeat] = {}
        """By the size of a head."""
        self._once: set[int] = set()
        """Hashes of what was seen: a wrong hit remembers something a sighting too early, no more."""
        self._known_bytes = 0
        self.configure(max_bytes, max_headers, memory_bytes)

    def configure(self, max_bytes: int, max_headers: int, memory_bytes: int) -> None:
        """Other limits: what was known is forgotten."""
        self._max_bytes = max_bytes
        self._max_headers = max_headers
        self._most_once = memory_bytes // SIGHTINGS_SHARE // SIGHTING_BYTES
        self._limit_bytes = memory_bytes - (self._most_once + SIZES_REMEMBERED) * SIGHTING_BYTES
        self._once.clear()
        self._forget()

    @property
    def held_bytes(self) -> int:
        return self._known_bytes + (len(self._once) + len(self._likely)) * SIGHTING_BYTES

    def parse(self, raw: bytes) -> tuple[RequestHead, int]:
        """HOT. One whole head, its blank line included, and the framing of its body. Raises BadRequest."""
        size = len(raw)
        if size > self._max_bytes:
            raise self.too_large(raw)
        repeat = self._repeats.get(size)
        if repeat is not None and raw.startswith(repeat.start) and raw.endswith(repeat.end):
            digits = raw[repeat.gap]
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
        alike = self._forms.get(rest.count(b"\n"), []) if opening.modern else []
        for form in alike:
            values = form.read(rest)
            if values is not None:
                alike.remove(form)
                alike.insert(0, form)
                self._expect(form, len(raw))
                return RequestHead(opening, form, values), form.framing_of(values)
        return self._parse_strictly(raw, rest, opening)

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

    def _learn(self, lines: Sequence[bytes]) -> Form | None:
        """The form of a head that passed and was not recognized; None: it is too early for one."""
        spelled = tuple(line.partition(b":")[0] for line in lines)
        new = [at for at, line in enumerate(lines) if not self._came_before(line)]
        if not self._came_before(spelled) or len(new) > max(NEW_LINES, len(lines) // 2):
            return None
        form = self._widened(lines, spelled)
        if form is None and not _deciding(spelled, new):
            form = Form(
                lines, [at for at, name in enumerate(spelled) if at in new or name.lower() == _LENGTH]
            )
        if form is not None:
            self._remember(form)
        return form

    def _widened(self, lines: Sequence[bytes], spelled: tuple[bytes, ...]) -> Form | None:
        """The known form that comes nearest, with a gap wherever it does not fit; it is no more known itself."""
        alike = self._forms.get(len(lines) + 1, [])
        near = [(form.differences(lines), form) for form in alike if form.spelled == spelled]
        if not near:
            return None
        different, nearest = min(near, key=lambda each: len(each[0]))
        if _deciding(spelled, different) or (len(different) > WIDENED and len(alike) < FORMS_ALIKE):
            return None
        alike.remove(nearest)
        self._drop(nearest)
        return Form(lines, sorted({*nearest.gaps, *different}))

    def _remember(self, form: Form) -> None:
        self._make_room(_cost_bytes(form))
        alike = self._forms.setdefault(len(form.lines) + 1, [])
        alike.insert(0, form)
        if len(alike) > FORMS_ALIKE:
            self._drop(alike.pop())

    def _drop(self, form: Form) -> None:
        self._known_bytes -= _cost_bytes(form)
        self._likely = {size: other for size, other in self._likely.items() if other is not form}
        gone = [size for size, repeat in self._repeats.items() if repeat.form is form]
        for size in gone:
            del self._repeats[size]
            self._known_bytes -= REPEAT_BYTES + size

    def _expect(self, form: Form, size: int) -> None:
        """Heads of `size` bytes: when they come often, they are mostly of one kind."""
        if len(self._likely) >= SIZES_REMEMBERED:
            self._likely.clear()
        self._likely[size] = form

    def _expect_again(self, raw: bytes, opening: Opening, form: Form, length: bytes) -> None:
        """The same head, with a length of as many digits."""
        size = len(raw)
        if not length.isdigit() or len(length) > LENGTH_DIGITS or size > REMEMBERED_BYTES:
            return
        if size not in self._repeats:
            self._make_room(REPEAT_BYTES + size)
        self._repeats[size] = Repeat(raw, opening, form, len(length))

    def _came_before(self, what: Hashable) -> bool:
        mark = hash(what)
        if mark in self._once:
            return True
        if len(self._once) >= self._most_once:
            self._once.clear()
        self._once.add(mark)
        return False

    def _make_room(self, cost_bytes: int) -> None:
        if self._known_bytes + cost_bytes > self._limit_bytes:
            self._forget()
        self._known_bytes += cost_bytes

    def _forget(self) -> None:
        self._openings.clear()
        self._forms.clear()
        self._likely.clear()
        self._repeats.clear()
        self._known_bytes = 0


def _deciding(spelled: Sequence[bytes], places: Sequence[int]) -> bool:
    return any(spelled[at].lower() in _DECIDE for at in places)


def _cost_bytes(form: Form) -> int:
    text_bytes = sum(map(len, form.lines))
    return FORM_BYTES + LINE_BYTES * len(form.lines) + (3 + SIEVES_REMEMBERED) * text_bytes
