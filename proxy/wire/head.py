"""Strict HTTP/1.1 heads (RFC 9112): bytes in, values out, no I/O.

What two parsers could read in two ways is refused, never repaired: that is how requests get smuggled.
Both entry points run once per request, so they are written for speed: one pass of C code over the bytes, and
a memo for the request heads that clients send over and over.
"""

from __future__ import annotations

import re

from proxy.types import Headers

CHUNKED = -1
NO_BODY = -2
UNTIL_CLOSE = -3
"""Body framing is one int: n >= 0 is a content-length; NO_BODY is a request without any framing header."""

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
"""RFC 9110 5.6.2"""
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
"""A field value with its blanks (RFC 9110 5.5): HTAB and bytes >= 0x80 are in, CR, LF and other controls are not."""

MAX_METHOD_BYTES = 32
"""Longer than any that is registered (17) or made up; what is longer is neither remembered nor logged."""
LENGTH_DIGITS = 18
"""The most digits that stay below 2**63, where other parsers overflow."""
_FIELD = re.compile(rb"(%b):(%b)\r\n" % (TOKEN, TEXT))
_FIELDS = re.compile(rb"(?:%b:%b\r\n)*+\r\n" % (TOKEN, TEXT))
_REQUEST_LINE = re.compile(rb'(%b) ([!-"$-~]++) HTTP/([0-9])\.([0-9])' % TOKEN)
_HOST = rb"(?:\[[0-9A-Za-z.:%]++\]|[\w\-.~!$&'()*+,;=%]*+)(?::[0-9]*+)?+"
_HOST_VALUE = re.compile(_HOST)
_ABSOLUTE_FORM = re.compile(rb"(?i:https?)://(?=[^/?:])(%b)(?=[/?]|\Z)" % _HOST)
_LOOK_ALIKES = frozenset((b"content_length", b"transfer_encoding"))
"""CGI-style servers read `_` as `-`: a second framing header that only they would see."""

_LENGTH_TITLE = b"\r\nContent-Length: "
_LENGTH_LOWER = b"\r\ncontent-length: "


class BadRequest(Exception):  # noqa: N818 - the name of the status
    """The request's head is refused: answer `status` and close. `str()` is fit for the client."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def find_head_end(buffer: bytes | bytearray, start: int) -> int:
    """Index just after the first blank line at or after `start`, or -1. Nothing before `start` is looked at."""
    end = buffer.find(b"\r\n\r\n", start)
    return end + 4 if end >= 0 else -1


class RequestHead:
    """One request's head. Never changed once made, so that requests of the same bytes may share one.

    `headers`, `get` and `get_all` are without content-length: where it stood is `length_index`, its value is
    the framing that belongs to the single request.
    """

    __slots__ = (
        "_first", "chunked", "connection_tokens", "expect_continue", "headers", "keep_alive", "length_index",
        "method", "path", "query", "target", "upgrade", "version",
    )  # fmt: skip

    def __init__(self, method: bytes, target: bytes, headers: Headers, version: bytes = b"1.1") -> None:
        """`headers`: all of them, already checked; `target` in origin form or `*`; `version` b"1.1" or b"1.0"."""
        self.method = method
        self.target = target
        self.version = version
        path, mark, query = target.partition(b"?")
        self.path = path
        self.query = query if mark else None
        names = [name.lower() for name, _ in headers]
        self.length_index = names.index(b"content-length") if b"content-length" in names else -1
        self.headers = tuple(h for h, name in zip(headers, names, strict=True) if name != b"content-length")
        self._first = {name.lower(): value for name, value in reversed(self.headers)}
        self.connection_tokens = list_members(b",".join(self.get_all(b"connection")))
        self.keep_alive = connection_persists(version, self.connection_tokens)
        self.chunked = b"transfer-encoding" in self._first
        # RFC 9110 10.1.1 and 7.8: both are ignored in an HTTP/1.0 request.
        modern = version == b"1.1"
        self.expect_continue = modern and self._first.get(b"expect", b"").lower() == b"100-continue"
        self.upgrade = modern and b"upgrade" in self._first

    def get(self, name_lower: bytes) -> bytes | None:
        """The first value of the header."""
        return self._first.get(name_lower)

    def get_all(self, name_lower: bytes) -> list[bytes]:
        return [value for name, value in self.headers if name.lower() == name_lower]


def asks_for_websocket(head: RequestHead) -> bool:
    """RFC 6455 section 4.1"""
    return (
        head.upgrade and head.method == b"GET" and b"websocket" in list_members(head.get(b"upgrade") or b"")
    )


class HeadParser:
    """Parses request heads of at most `max_bytes` and `max_headers` lines; one per worker.

    Clients repeat themselves byte for byte but for the number behind Content-Length, so heads are looked up
    without those digits. A head is remembered only once the strict parse has passed it, and one that differs in
    any other byte, a second content-length included, is another key. At most `memo_entries` heads of at most
    `memo_head_bytes` are held in memory, credentials included. A full memo is simply emptied: that costs each
    busy client one strict parse (some 20 us), where bookkeeping by age would cost every hit.
    """

    def __init__(
        self, max_bytes: int, max_headers: int, memo_entries: int = 512, memo_head_bytes: int = 8192
    ) -> None:
        self._max_bytes = max_bytes
        self._max_headers = max_headers
        self._memo_entries = memo_entries
        self._memo_head_bytes = min(memo_head_bytes, max_bytes)
        self._memo: dict[bytes, tuple[RequestHead, int]] = {}

    def parse(self, raw: bytes) -> tuple[RequestHead, int]:
        """One whole head, its blank line included, and the framing of its body. Raises BadRequest."""
        if len(raw) > self._memo_head_bytes:
            return self._parse_strictly(raw)
        start = raw.rfind(_LENGTH_TITLE)  # from behind: most clients send it last
        if start < 0:
            start = raw.rfind(_LENGTH_LOWER)
        if start < 0:
            return self._memo.get(raw) or self._remember(raw, raw)
        start += len(_LENGTH_TITLE)
        end = raw.find(b"\r\n", start)
        digits = raw[start:end]
        if not digits.isdigit() or len(digits) > LENGTH_DIGITS:
            return self._parse_strictly(raw)
        key = raw[:start] + raw[end:]
        known = self._memo.get(key) or self._remember(key, raw)
        return known[0], int(digits)

    def too_large(self, raw: bytes | bytearray) -> BadRequest:
        """What to answer to a head that has grown past `max_bytes`, ended or not."""
        if raw.find(b"\r\n", 0, self._max_bytes) < 0:
            return BadRequest(414, f"the request line is longer than {self._max_bytes} bytes")
        return BadRequest(431, f"the request head is longer than {self._max_bytes} bytes")

    def _remember(self, key: bytes, raw: bytes) -> tuple[RequestHead, int]:
        parsed = self._parse_strictly(raw)
        if len(self._memo) >= self._memo_entries:
            self._memo.clear()
        self._memo[key] = parsed
        return parsed

    def _parse_strictly(self, raw: bytes) -> tuple[RequestHead, int]:
        if len(raw) > self._max_bytes:
            raise self.too_large(raw)
        if not raw.endswith(b"\r\n\r\n"):
            raise BadRequest(400, "the request head does not end in an empty line")
        if raw.count(b"\r\n") - 2 > self._max_headers:
            raise BadRequest(431, f"more than {self._max_headers} headers")
        line_end = raw.find(b"\r\n")
        method, target, version = _request_line(raw[:line_end])
        headers = _headers(raw, line_end + 2)
        framing = _request_framing(headers, version)
        return RequestHead(method, target, headers, version), framing


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        raise BadRequest(400, "the request line is not `METHOD target HTTP/1.1`")
    method, target, major, minor = parts.groups()
    version = major + b"." + minor
    if version not in (b"1.1", b"1.0"):
        raise BadRequest(505, f"HTTP/{version.decode()} is not spoken here")
    if len(method) > MAX_METHOD_BYTES:  # RFC 9112 section 3
        raise BadRequest(501, f"a method of more than {MAX_METHOD_BYTES} letters is not implemented")
    if method == b"CONNECT":
        raise BadRequest(501, "CONNECT: this is not a forward proxy")
    return method, _origin_form(method, target), version


def _origin_form(method: bytes, target: bytes) -> bytes:
    """RFC 9112 3.2. The authority of an absolute form is dropped: every host name leads to this gateway."""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute is None:
        raise BadRequest(400, "the request target must be a path that begins with `/`")
    rest = target[absolute.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest


def _headers(raw: bytes, start: int) -> Headers:
    if _FIELDS.fullmatch(raw, start) is None:
        raise BadRequest(400, "a header line is not `name: value`, or has control characters in it")
    return tuple((name, value.strip(b" \t")) for name, value in _FIELD.findall(raw, start))


def _request_framing(headers: Headers, version: bytes) -> int:
    """RFC 9112 6.3, each ambiguity refused. Raises BadRequest."""
    names = [name.lower() for name, _ in headers]
    if not _LOOK_ALIKES.isdisjoint(name.replace(b"-", b"_") for name in names if b"_" in name):
        raise BadRequest(400, "a framing header is spelled with an underscore")
    _check_host([value for (_, value), name in zip(headers, names, strict=True) if name == b"host"], version)
    lengths, codings = names.count(b"content-length"), names.count(b"transfer-encoding")
    if lengths + codings == 0:
        return NO_BODY
    if lengths + codings > 1:
        raise BadRequest(400, "content-length and transfer-encoding: only one of them, and only once")
    if lengths:
        return _length(headers[names.index(b"content-length")][1])
    return _coding(headers[names.index(b"transfer-encoding")][1], version)


def _check_host(hosts: list[bytes], version: bytes) -> None:
    """RFC 9112 3.2. An empty host is valid; load balancers' probes send it."""
    if len(hosts) > 1 or (version == b"1.1" and not hosts):
        raise BadRequest(400, "exactly one Host header is needed")
    if hosts and not _HOST_VALUE.fullmatch(hosts[0]):
        raise BadRequest(400, "the Host header is not a host name with an optional port")


def _coding(value: bytes, version: bytes) -> int:
    if version == b"1.0":
        raise BadRequest(400, "transfer-encoding does not exist in HTTP/1.0")
    if value.lower() != b"chunked":
        raise BadRequest(501, "the only transfer-encoding understood is `chunked`")
    return CHUNKED


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > LENGTH_DIGITS:
        raise BadRequest(400, f"content-length must be 1 to {LENGTH_DIGITS} digits")
    return int(value)


def list_members(comma_list: bytes) -> frozenset[bytes]:
    """The members of a comma list, lower-case (RFC 9110 5.6.1)."""
    members = (member.strip(b" \t").lower() for member in comma_list.split(b","))
    return frozenset(member for member in members if member)


def connection_persists(version: bytes, connection_tokens: frozenset[bytes]) -> bool:
    """RFC 9112 9.3"""
    if b"close" in connection_tokens:
        return False
    return version == b"1.1" or b"keep-alive" in connection_tokens
