"""Parses answers' heads strictly, and remembers the forms that repeat.

One upstream's answers are alike but for a few values: a date, an id, a length, what is left of a quota.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.wire.form import headers_of
from proxy.wire.form_memory import REMEMBERED_BYTES, FormMemory
from proxy.wire.gaps import Gaps, escaped, until_value
from proxy.wire.head import UNTIL_CLOSE
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_rules import HOP_BY_HOP, connection_of, length_of_answer, parse_response_head

MEMORY_BYTES = 512 * 1024
"""Some twenty forms; each deployment's upstream has two or three."""
FORM_BYTES = 2_000
LINE_BYTES = 400
"""What a form takes besides its texts, and besides that for each line."""
TEXTS = 6
"""So often its lines stand in a form at most."""
GOOD = b"HTTP/1.1 200 OK\r\n"
"""Of others no form is remembered: they are few."""
_DECIDE = frozenset((b"connection", b"content-encoding", b"content-type", b"transfer-encoding"))


class ResponseForm(Gaps):
    """Heads of good answers. What decides about the connection and the body's framing has no gap, but for
    content-length."""

    __slots__ = (
        "_content_encoding", "_content_type", "_framing", "_keeps_lines", "_keeps_values", "_kept", "_length_gap",
        "_persists", "_template", "_text", "first", "said",
    )  # fmt: skip

    def __init__(self, lines: Sequence[bytes], gaps: Sequence[int], drop: frozenset[bytes]) -> None:
        """`lines` have passed the strict parse, behind GOOD; `drop`: see `parse_response_head`."""
        super().__init__(lines, gaps, GOOD)
        raw = GOOD + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        model = parse_response_head(raw, b"GET", drop)
        self._framing = model.framing
        self._content_type = model.content_type
        self._content_encoding = model.content_encoding
        pairs = headers_of(lines)
        values: list[bytes | int] = [value for _, value in pairs]
        for gap, at in enumerate(self.gaps):
            values[at] = gap
        names = [name.lower() for name in self.spelled]
        self.first = dict(reversed([*zip(names, values, strict=True)]))
        """Lower-case name -> its first value, or the number of its gap."""
        length = self.first.get(b"content-length")
        self._length_gap = length if isinstance(length, int) else -1
        said = b",".join(
            value for name, (_, value) in zip(names, pairs, strict=True) if name == b"connection"
        )
        self._persists, away = connection_of(said.lower(), b"1.1")
        self._text = b"".join(b"\r\n%b:" % name for name in names)
        self.said: dict[bytes, bool] = {}
        """What was asked by `says`."""
        self._keep([at for at, name in enumerate(names) if name not in HOP_BY_HOP | drop | away])

    def _keep(self, kept: Sequence[int]) -> None:
        """Which lines go on."""
        template, filled = b"", list[int]()
        for at in kept:
            line = self.lines[at]
            if at in self.gaps:
                template += escaped(until_value(line)) + b"%b\r\n"
                filled.append(self.gaps.index(at))
            else:
                template += escaped(line) + b"\r\n"
        self._template = template
        self._kept = filled
        self._keeps_lines = len(kept) == len(self.lines)
        self._keeps_values = len(filled) == len(self.gaps)

    @property
    def cost_bytes(self) -> int:
        return FORM_BYTES + LINE_BYTES * len(self.lines) + TEXTS * sum(map(len, self.lines))

    def says(self, text_lower: bytes) -> bool:
        """Whether the text stands in its names."""
        said = self.said[text_lower] = text_lower in self._text
        return said

    def filled(self, raw: bytes, values: Sequence[bytes], method: bytes) -> ResponseHead:
        """HOT. A head that has these in its gaps. Raises BadResponse."""
        framing = self._framing if self._length_gap < 0 else length_of_answer(values[self._length_gap])
        if method == b"HEAD":
            framing = 0
        if self._keeps_lines:
            lines = raw[len(GOOD) : -2]
        elif self._keeps_values:
            lines = self._template % (*values,)
        else:
            lines = self._template % (*[values[gap] for gap in self._kept],)
        return ResponseHead(
            200,
            b"OK",
            framing,
            self._persists and framing != UNTIL_CLOSE,
            lines,
            self._content_type,
            self._content_encoding,
            raw,
            self,
            values,
        )


class ResponseParser(FormMemory[ResponseForm]):
    """One per upstream client."""

    def __init__(self, drop: frozenset[bytes], memory_bytes: int = MEMORY_BYTES) -> None:
        """`drop`: lower-case header names."""
        super().__init__(memory_bytes, _DECIDE)
        self._drop_names = drop

    def parse(self, raw: bytes, method: bytes) -> ResponseHead:
        """HOT. One whole head, its blank line included, in answer to `method`. Raises BadResponse."""
        form = self._likely.get(len(raw))
        if form is not None:
            values = form.read(raw)
            if values is not None:
                return form.filled(raw, values, method)
        return self._parse_slowly(raw, method)

    def _parse_slowly(self, raw: bytes, method: bytes) -> ResponseHead:
        if not raw.startswith(GOOD) or len(raw) > REMEMBERED_BYTES:
            return parse_response_head(raw, method, self._drop_names)
        found = self._find(raw, raw.count(b"\n") - 1, len(raw))
        if found is not None:
            form, values = found
            return form.filled(raw, values, method)
        head = parse_response_head(raw, method, self._drop_names)
        self._learn(raw[len(GOOD) :].split(b"\r\n")[:-2])
        return head

    def _form_of(self, lines: Sequence[bytes], gaps: Sequence[int]) -> ResponseForm:
        return ResponseForm(lines, gaps, self._drop_names)
