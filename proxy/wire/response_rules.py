"""Strict HTTP/1.1 answer heads (RFC 9112): what goes on to the client, and how the body behind it is framed."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from proxy.wire.head import (
    CHUNKED,
    LENGTH_DIGITS,
    TEXT,
    TOKEN,
    UNTIL_CLOSE,
    connection_persists,
    list_members,
)
from proxy.wire.header_lines import without
from proxy.wire.response_head import ResponseHead


class BadResponse(Exception):  # noqa: N818 - the pair of BadRequest
    """The upstream's head is not HTTP/1 that can be relayed safely; its connection must be closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_FRAMING = frozenset((b"content-length", b"transfer-encoding"))
_CONTENT = frozenset((b"content-type", b"content-encoding"))
HOP_BY_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-connection", b"te", b"upgrade",
))  # fmt: skip
"""Answer headers for the next hop only (RFC 9110 7.6.1). `trailer` and `transfer-encoding` are not among them:
they travel with the body, which is relayed in the frames it came in."""
_NEVER_NOMINATED = frozenset((b"close", b"keep-alive")) | _FRAMING
"""Connection may name these, but not away: persistence is not a header, and the framing is the body's."""
_RESPONSE = re.compile(
    rb"HTTP/(1\.[01]) ([1-5][0-9][0-9])(?: (%b))?+\r\n((?:%b:%b\r\n)*+)\r\n" % (TEXT, TOKEN, TEXT)
)


_STATUSES = {b"%d" % status: status for status in range(100, 600)}


def parse_response_head(raw: bytes, method: bytes, drop: frozenset[bytes]) -> ResponseHead:
    """One whole head, its blank line included, in answer to `method`; `drop`: lower-case header names.

    The caller bounds the size. Interim (1xx) answers come out like any other. Raises BadResponse.
    """
    parts = _RESPONSE.fullmatch(raw)
    if parts is None:
        raise BadResponse("the answer's head is not well-formed HTTP/1")
    version, status, reason = parts.group(1, 2, 3)
    code, lower, start = _STATUSES[status], raw.lower(), parts.start(4)
    pattern, unwanted = _special(drop)
    found = pattern.findall(lower)
    special, lines = dict(found), raw[start:-2]
    if len(special) != len(found) or not unwanted.isdisjoint(special):
        special, lines = _scan_line_by_line(raw, pattern.finditer(lower), start, unwanted)
    framing = _response_framing(special, code, method, version)
    persists, nominated = connection_of(special.get(b"connection", b""), version)
    if nominated:
        lines = without(lines, nominated.__contains__)
    content_type = special.get(b"content-type", b"").strip(b" \t")
    coding = special.get(b"content-encoding", b"").strip(b" \t")
    keep_alive = persists and framing != UNTIL_CLOSE
    return ResponseHead(code, reason or b"", framing, keep_alive, lines, content_type, coding, raw)


@functools.lru_cache(maxsize=64)
def connection_of(value: bytes, version: bytes) -> tuple[bool, frozenset[bytes]]:
    """Whether the connection persists, and which headers Connection names away."""
    tokens = list_members(value)
    return connection_persists(version, tokens), tokens - _NEVER_NOMINATED


def _scan_line_by_line(
    raw: bytes, found: Iterable[re.Match[bytes]], start: int, unwanted: frozenset[bytes]
) -> tuple[dict[bytes, bytes], bytes]:
    """The headers that mean something here, their values in lower case, and all lines but those to drop.

    Repeated headers are joined by commas (RFC 9110 5.3), which is no valid framing.
    """
    special: dict[bytes, bytes] = {}
    kept: list[bytes] = []
    for match in found:
        name, value = match.groups()
        special[name] = special[name] + b"," + value if name in special else value
        if name in unwanted:
            end = match.start(1)
            kept.append(raw[start:end])
            start = match.end() + 2
    kept.append(raw[start:-2])
    return special, b"".join(kept)


@functools.lru_cache(maxsize=16)
def _special(drop: frozenset[bytes]) -> tuple[re.Pattern[bytes], frozenset[bytes]]:
    unwanted = HOP_BY_HOP | drop
    names = b"|".join(re.escape(name) for name in sorted(unwanted | _FRAMING | _CONTENT))
    return re.compile(rb"\r\n(%b):([^\r]*+)" % names), unwanted


def _response_framing(special: dict[bytes, bytes], status: int, method: bytes, version: bytes) -> int:
    """RFC 9112 6.3, each ambiguity refused. Raises BadResponse."""
    length, coding = special.get(b"content-length"), special.get(b"transfer-encoding")
    if length is not None and coding is not None:
        raise BadResponse("the answer has content-length and transfer-encoding")
    if coding is not None and (coding.strip(b" \t") != b"chunked" or version == b"1.0"):
        raise BadResponse("the answer's transfer-encoding is not `chunked`")
    size = UNTIL_CLOSE if length is None else length_of_answer(length)
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return 0
    return size if coding is None else CHUNKED


def length_of_answer(value: bytes) -> int:
    """HOT. Raises BadResponse."""
    if not value.isdigit():
        value = value.strip(b" \t")
    if not value.isdigit() or len(value) > LENGTH_DIGITS:
        raise BadResponse("the answer's content-length is not one number")
    return int(value)
