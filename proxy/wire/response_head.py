"""One answer's head, as it goes on to the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from proxy.types import Headers

if TYPE_CHECKING:
    from proxy.wire.response_parser import ResponseForm


class ResponseHead(msgspec.Struct, eq=False, gc=False):
    """A Struct, for it is made once per request.

    `framing`: a content-length, CHUNKED or UNTIL_CLOSE; 0 where the answer has no body whatever its headers say.
    `lines`: the header lines as they came, each ending in CRLF, minus HOP_BY_HOP, what Connection names, and the
    caller's `drop`. Content-length and transfer-encoding stay in place, since the body is relayed as it is; a
    caller that frames the body anew drops transfer-encoding too.
    """

    status: int
    reason: bytes
    framing: int
    keep_alive: bool
    lines: bytes
    content_type: bytes
    """In lower case; b"" when there is none."""
    content_encoding: bytes
    _raw: bytes
    _form: ResponseForm | None = None
    _values: Sequence[bytes] = ()
    """Of the form's gaps."""
    _lower: bytes = b""
    """Where it is of no form: made when it is first needed."""

    def __repr__(self) -> str:
        return f"<ResponseHead {self.status}>"  # headers may hold what no log should

    def get(self, name_lower: bytes) -> bytes | None:
        """The first value of the header as the upstream sent it, dropped ones included."""
        form = self._form
        if form is not None:
            value = form.first.get(name_lower)
            return self._values[value].strip(b" \t") if isinstance(value, int) else value
        at = self._in_lower().find(b"\r\n%b:" % name_lower)
        if at < 0:
            return None
        start = at + len(name_lower) + 3
        end = self._raw.find(b"\r\n", start)
        return self._raw[start:end].strip(b" \t")

    def mentions(self, text_lower: bytes) -> bool:
        """HOT. Whether there may be a header of which this text, part of a name or with CRLF its beginning, is said.

        Few texts are asked for: each is remembered with the form.
        """
        form = self._form
        if form is None:
            return text_lower in self._in_lower()
        said = form.said.get(text_lower)
        return form.says(text_lower) if said is None else said

    def _in_lower(self) -> bytes:
        if not self._lower:
            self._lower = self._raw.lower()
        return self._lower

    def headers(self) -> Headers:
        """`lines` as pairs and without transfer-encoding, for a door that frames the body itself."""
        fields = (line.partition(b":") for line in self.lines.split(b"\r\n")[:-1])
        return tuple((n, v.strip(b" \t")) for n, _, v in fields if n.lower() != b"transfer-encoding")
