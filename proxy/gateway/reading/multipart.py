"""What a form upload asks for, found while the body arrives: fields are read, files are only skipped over.

multipart/form-data is RFC 7578; how its parts are delimited is RFC 2046 section 5.1.1.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import TypeAlias

from proxy.gateway.reading.peek import MAX_TARGETS, target_names, usable_model

Range: TypeAlias = tuple[int, int]
"""First byte, and the byte behind the last, counted from the start of the body."""

MAX_BOUNDARY_BYTES = 70
"""RFC 2046 section 5.1.1."""
MAX_PADDING_BYTES = 256
"""Blanks behind a delimiter, which nobody sends but the RFC allows."""
MAX_PART_HEAD_BYTES = 16 * 1024
"""Of one part's headers; a file's name is the longest thing in them."""
MAX_VALUE_BYTES = 64 * 1024
"""Of one field that is read; 64 names of models fit."""
MAX_PARTS = 1000
"""OpenAI's largest form has some twenty."""

_PARAMETER = re.compile(
    rb';[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))[ \t]*', re.DOTALL
)
_TARGET_FIELD = re.compile(rb"target_model_names(?:\[\d{0,4}\])?")
_DISPOSITION = re.compile(
    rb"^content-disposition[ \t]*:[ \t]*form-data[ \t]*(;[^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_CRLF = b"\r\n"
_READ_FIELDS = frozenset({b"model", b"stream"})
_FILE_PARAMETERS = frozenset({b"filename", b"filename*"})
_TRUE = frozenset({b"true", b"1"})


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary of a `multipart/form-data` body; None for other types, and where it is missing or ambiguous."""
    media_type, semicolon, rest = content_type.partition(b";")
    if media_type.strip().lower() != b"multipart/form-data":
        return None
    found = [value for name, value in _parameters(semicolon + rest) if name == b"boundary"]
    if len(found) != 1 or not 0 < len(found[0]) <= MAX_BOUNDARY_BYTES or found[0].endswith(b" "):
        return None
    return found[0]


def _parameters(text: bytes) -> list[tuple[bytes, bytes]]:
    """`; name=value; name="value"` up to the first thing that is neither. Names are in lower case."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while (match := _PARAMETER.match(text, at)) is not None:
        quoted = match[2]
        value = match[3] if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted)
        found.append((match[1].lower(), value))
        at = match.end()
    return found


class _State(enum.Enum):
    PREAMBLE = "before the first delimiter"
    PADDING = "behind a delimiter"
    HEAD = "in a part's headers"
    VALUE = "in a field that is read"
    SKIP = "in a part that is not"


class MultipartPeek:
    """Sans-io: feed it the body as it comes, in any split. Never raises.

    Stop feeding when `done` (the closing delimiter was seen) or `gave_up`: after that nothing changes. Over
    `limit_bytes` it keeps what was found so far; of a malformed body it keeps nothing, and `model_invalid` is set.
    """

    def __init__(self, boundary: bytes, limit_bytes: int) -> None:
        """`limit_bytes`: how much of the body may be read before giving up."""
        self.done = False
        self.gave_up = False
        self.model: str | None = None
        self.model_range: Range | None = None
        """Where the value of the one `model` field lies."""
        self.model_invalid = False
        """True: `model` is no usable name, or several fields disagree on it."""
        self.stream = False
        self.target_model_names: tuple[str, ...] = ()
        self._target_parts: list[Range] = []
        self._delimiter = _CRLF + b"--" + boundary
        self._bytes_left = limit_bytes
        self._buffer = bytearray(_CRLF)
        """The CRLF that a delimiter begins with is not sent before the first one."""
        self._base = -len(_CRLF)
        """Where the buffer begins in the body."""
        self._searched = 0
        """How much of the buffer is known not to hold what is looked for."""
        self._parts = 0
        self._state = _State.PREAMBLE
        self._field = b""
        self._part_start = 0
        """Where the delimiter before this part begins, in the body."""

    @property
    def target_ranges(self) -> tuple[Range, ...]:
        """The parts to `cut`, each with the delimiter before it."""
        return tuple(map(_without_virtual_crlf, self._target_parts))

    def feed(self, data: bytes) -> None:
        if self.done or self.gave_up:
            return
        self._buffer += data[: self._bytes_left]
        self._bytes_left -= len(data)
        while self._step():
            pass
        if self._bytes_left < 0 and not self.done:
            self.gave_up = True
        if self.done or self.gave_up:
            self._buffer.clear()

    def _step(self) -> bool:
        """One move of the state machine. False: more bytes are needed, or it is over."""
        if self.done or self.gave_up:
            return False
        if self._state is _State.PADDING:
            return self._read_padding()
        if self._state is _State.HEAD:
            return self._read_head()
        return self._find_delimiter()

    def _find_delimiter(self) -> bool:
        at = self._buffer.find(self._delimiter, self._searched)
        if at < 0:
            self._searched = max(0, len(self._buffer) - len(self._delimiter) + 1)
            self._let_go()
            return False
        if self._state is _State.VALUE:
            self._end_field(at)
        self._part_start = self._base + at
        self._drop(at + len(self._delimiter))
        self._state = _State.PADDING
        return True

    def _let_go(self) -> None:
        """What was searched is not needed, unless it is a value."""
        if self._state is not _State.VALUE:
            self._drop(self._searched)
        elif self._searched > len(_CRLF) + MAX_VALUE_BYTES:
            self._refuse()

    def _read_padding(self) -> bool:
        """Behind a delimiter: `--` closes the body; blanks and CRLF begin a part.

        Anything else parsers read in different ways, so nothing is read into it here.
        """
        line = bytes(self._buffer[: MAX_PADDING_BYTES + len(_CRLF)])
        rest = line.lstrip(b" \t")
        if line.startswith(b"--"):
            self.done = True
        elif rest.startswith(_CRLF):
            self._begin_part(len(line) - len(rest))
            return True
        elif len(line) > MAX_PADDING_BYTES or not (rest in (b"", b"\r") or line == b"-"):
            self._refuse()
        return False

    def _begin_part(self, blanks: int) -> None:
        """The delimiter line's CRLF stays: a part without headers has just a blank line behind it."""
        self._drop(blanks)
        self._parts += 1
        self._state = _State.HEAD
        if self._parts > MAX_PARTS:
            self._refuse()

    def _read_head(self) -> bool:
        end = self._buffer.find(_CRLF + _CRLF, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
        if max(end, self._searched) > MAX_PART_HEAD_BYTES or self._delimiter in self._buffer[: max(end, 0)]:
            self._refuse()
        if end < 0 or self.gave_up:
            return False
        self._field = _field_name(bytes(self._buffer[:end]))
        wanted = self._field in _READ_FIELDS or _TARGET_FIELD.fullmatch(self._field) is not None
        self._state = _State.VALUE if wanted else _State.SKIP
        self._drop(
            end + len(_CRLF)
        )  # the blank line's CRLF stays: an empty part's delimiter may begin with it
        return True

    def _end_field(self, at: int) -> None:
        """The buffer's first `at` bytes are the blank line's CRLF and the value."""
        value = bytes(self._buffer[len(_CRLF) : at])
        end = self._base + at
        if len(value) > MAX_VALUE_BYTES:
            self._refuse()
        elif self._field == b"model":
            self._read_model(value, (end - len(value), end))
        elif self._field == b"stream":
            self.stream = value.strip().lower() in _TRUE
        else:
            self._read_targets(value, (self._part_start, end))

    def _read_model(self, value: bytes, where: Range) -> None:
        """Of several `model` fields nobody knows which one the upstream takes."""
        name = usable_model(value.decode("utf-8", "replace"))
        if self.model_range is not None or self.model_invalid:
            self.model, self.model_range, self.model_invalid = None, None, True
            return
        self.model, self.model_range = name, where
        self.model_invalid = name is None and bool(value)

    def _read_targets(self, value: bytes, part: Range) -> None:
        names = target_names(value.decode("utf-8", "replace"))
        self.target_model_names = (*self.target_model_names, *names)[:MAX_TARGETS]
        if self._target_parts and self._target_parts[-1][1] == part[0]:
            part = (self._target_parts.pop()[0], part[1])
        self._target_parts.append(part)

    def _drop(self, size_bytes: int) -> None:
        del self._buffer[:size_bytes]
        self._base += size_bytes
        self._searched = 0

    def _refuse(self) -> None:
        """The upstream may read this body in another way: nothing is known of it."""
        self.gave_up = True
        self.model, self.model_range, self.model_invalid = None, None, True
        self.stream = False
        self.target_model_names = ()
        self._target_parts.clear()


def _field_name(head: bytes) -> bytes:
    """The name of a part that is a field; b"" for files and for parts that do not say."""
    found = _DISPOSITION.search(_FOLD.sub(b"", head))
    parameters = _parameters(found[1]) if found is not None else []
    names = [value for name, value in parameters if name == b"name"]
    is_file = any(name in _FILE_PARAMETERS for name, _ in parameters)
    return names[0] if len(names) == 1 and not is_file else b""


def _without_virtual_crlf(part: Range) -> Range:
    """Before the first delimiter no CRLF was sent: in its place goes the one before the next."""
    start, end = part
    return part if start >= 0 else (0, end + len(_CRLF))


def cut(body: bytes, ranges: Iterable[Range]) -> bytes:
    """The body without these ranges, which do not overlap."""
    return splice(body, ((where, b"") for where in ranges))


def replace_value(body: bytes, where: Range, value: bytes) -> bytes:
    return splice(body, ((where, value),))


def splice(body: bytes, edits: Iterable[tuple[Range, bytes]]) -> bytes:
    """The body with other bytes in these ranges, which do not overlap; the rest is as it was."""
    pieces: list[bytes] = []
    at = 0
    for (start, end), new in sorted(edits):
        pieces += (body[at:start], new)
        at = end
    return b"".join((*pieces, body[at:]))
