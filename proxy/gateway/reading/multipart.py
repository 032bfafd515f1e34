"""What a form upload asks for, found while the body arrives: fields are read, files are only skipped over.

multipart/form-data is RFC 7578; how its parts are delimited is RFC 2046 section 5.1.1.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from proxy.credentials import BODY_CREDENTIALS
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

TOO_LONG = f"a field is longer than {MAX_VALUE_BYTES} bytes"

_PARAMETER = re.compile(
    rb';[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))[ \t]*', re.DOTALL
)
_TARGET_FIELD = re.compile(rb"target_model_names(?:\[\d{0,4}\])?")
_PRIVATE_FIELDS = frozenset(name.encode() for name in BODY_CREDENTIALS)
"""Cut, too: no upstream's business."""
_DISPOSITION = re.compile(
    rb"^content-disposition[ \t]*:[ \t]*form-data[ \t]*(;[^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_CRLF = b"\r\n"
_READ_FIELDS = frozenset({b"model", b"stream"})
_NAME_PARAMETERS = frozenset({b"name", b"name*"})
_FILE_PARAMETERS = frozenset({b"filename", b"filename*"})
_ENCODING = re.compile(rb"^content-transfer-encoding[ \t]*:[ \t]*(\S*)", re.IGNORECASE | re.MULTILINE)
_PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})
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

    When `done` (the closing delimiter was seen) or `wrong`, nothing changes any more. What is wrong is malformed, or
    other parsers would read it in another way: nothing of it is kept.
    """

    def __init__(self, boundary: bytes) -> None:
        self.done = False
        self.wrong: str | None = None
        """What is wrong with the form, in words for who sent it."""
        self.repeated: str | None = None
        """The one field of the gateway's that the form holds twice, or in other letters."""
        self.model: str | None = None
        self.model_range: Range | None = None
        """Where the value of the one `model` field lies."""
        self.model_invalid = False
        """True: `model` is no usable name."""
        self.stream = False
        self.target_model_names: tuple[str, ...] = ()
        self._target_parts: list[Range] = []
        self._delimiter = _CRLF + b"--" + boundary
        self._buffer = bytearray(_CRLF)
        """The CRLF that a delimiter begins with is not sent before the first one."""
        self._base = -len(_CRLF)
        """Where the buffer begins in the body."""
        self._searched = 0
        """How much of the buffer is known not to hold what is looked for."""
        self._parts = 0
        self._state = _State.PREAMBLE
        self._field = b""
        self._seen: set[bytes] = set()
        self._part_start = 0
        """Where the delimiter before this part begins, in the body."""

    def over(self) -> bool:
        """Nothing changes any more."""
        return self.done or self.wrong is not None

    @property
    def target_ranges(self) -> tuple[Range, ...]:
        """The parts to `cut`, each with the delimiter before it."""
        return tuple(map(_without_virtual_crlf, self._target_parts))

    def feed(self, data: bytes) -> None:
        if self.over():
            return
        self._buffer += data
        while self._step():
            pass
        if self.over():
            self._buffer.clear()

    def _step(self) -> bool:
        """One move of the state machine. False: more bytes are needed, or it is over."""
        if self.over():
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
            self._refuse(TOO_LONG)

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
            self._refuse("there is something behind a boundary that does not belong there")
        return False

    def _begin_part(self, blanks: int) -> None:
        """The delimiter line's CRLF stays: a part without headers has just a blank line behind it."""
        self._drop(blanks)
        self._parts += 1
        self._state = _State.HEAD
        if self._parts > MAX_PARTS:
            self._refuse(f"it has more than {MAX_PARTS} parts")

    def _read_head(self) -> bool:
        end = self._buffer.find(_CRLF + _CRLF, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
        if max(end, self._searched) > MAX_PART_HEAD_BYTES or self._delimiter in self._buffer[: max(end, 0)]:
            self._refuse("the headers of a part are too long, or have no end")
        if end < 0 or self.over():
            return False
        self._read_disposition(bytes(self._buffer[:end]))
        if self.over():
            return False
        cut = self._field in _PRIVATE_FIELDS or _TARGET_FIELD.fullmatch(self._field) is not None
        wanted = cut or self._field in _READ_FIELDS
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
            self._refuse(TOO_LONG)
        elif self._field == b"model":
            self._read_model(value, (end - len(value), end))
        elif self._field == b"stream":
            self.stream = value.strip().lower() in _TRUE
        else:
            self._read_targets(value, (self._part_start, end))

    def _read_disposition(self, head: bytes) -> None:
        """Which field this part is. Of several `model` fields nobody knows which one the upstream takes."""
        part = _part(_FOLD.sub(b"", head))
        if isinstance(part, str):
            self._refuse(part)
            return
        self._field = b"" if part.is_file else part.name
        for key in _READ_FIELDS & {part.name.lower()}:
            if key in self._seen or key != self._field:
                self._refuse(
                    f"`{key.decode()}` stands in it more than once, or as a file, or in other letters"
                )
                self.repeated = key.decode()
            self._seen.add(key)

    def _read_model(self, value: bytes, where: Range) -> None:
        name = usable_model(value.decode("utf-8", "replace"))
        self.model, self.model_range = name, where
        self.model_invalid = name is None and bool(value)

    def _read_targets(self, value: bytes, part: Range) -> None:
        named = b"" if self._field in _PRIVATE_FIELDS else value
        names = target_names(named.decode("utf-8", "replace"))
        self.target_model_names = (*self.target_model_names, *names)[:MAX_TARGETS]
        if self._target_parts and self._target_parts[-1][1] == part[0]:
            part = (self._target_parts.pop()[0], part[1])
        self._target_parts.append(part)

    def _drop(self, size_bytes: int) -> None:
        del self._buffer[:size_bytes]
        self._base += size_bytes
        self._searched = 0

    def _refuse(self, wrong: str) -> None:
        """The upstream may read this body in another way: nothing is known of it."""
        self.wrong = wrong
        self.model, self.model_range, self.model_invalid = None, None, True
        self.stream = False
        self.target_model_names = ()
        self._target_parts.clear()


class _Part(NamedTuple):
    name: bytes
    is_file: bool


def _part(head: bytes) -> _Part | str:
    """Which part it is; or why that is not certain."""
    found = _DISPOSITION.findall(head)
    if len(found) != 1:
        return "a part has no `Content-Disposition: form-data`, or several"
    parameters = _parameters(found[0])
    names = [(key, value) for key, value in parameters if key in _NAME_PARAMETERS]
    if len(names) != 1 or names[0][0] != b"name":
        return "a part has no plain `name`, or several"
    name = names[0][1]
    encoding = _ENCODING.search(head)
    if name.lower() in _READ_FIELDS and encoding and encoding[1].lower() not in _PLAIN_ENCODINGS:
        return f"the field `{name.decode('latin-1')}` has a content-transfer-encoding, which not every server undoes"
    return _Part(name, is_file=any(key in _FILE_PARAMETERS for key, _ in parameters))


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
