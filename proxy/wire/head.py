"""The rules of HTTP/1.1 heads (RFC 9112), strictly: bytes in, values out, no I/O.

What two parsers could read in two ways is refused, never repaired: that is how requests get smuggled.
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
UNFIT_METHODS = {
    b"CONNECT": "CONNECT: this is not a forward proxy",
    b"TRACE": "TRACE: it would show what goes to the upstream, with its key",  # RFC 9110 section 9.3.8
    b"TRACK": "TRACK: it would show what goes to the upstream, with its key",  # IIS' name for the same
}
"""By capitals: some servers read methods so. None of these ever goes upstream."""
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


def read_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Method, target in origin form, and version. Raises BadRequest."""
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        raise BadRequest(400, "the request line is not `METHOD target HTTP/1.1`")
    method, target, major, minor = parts.groups()
    version = major + b"." + minor
    if version not in (b"1.1", b"1.0"):
        raise BadRequest(505, f"HTTP/{version.decode()} is not spoken here")
    if len(method) > MAX_METHOD_BYTES:  # RFC 9112 section 3
        raise BadRequest(501, f"a method of more than {MAX_METHOD_BYTES} letters is not implemented")
    unfit = UNFIT_METHODS.get(method.upper())
    if unfit is not None:
        raise BadRequest(501, unfit)
    return method, _origin_form(method, target), version


def _origin_form(method: bytes, target: bytes) -> bytes:
    """RFC 9112 3.2. The authority of an absolute form is dropped: every host name leads to this gateway."""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute is None:
        raise BadRequest(400, "the request target must be a path that begins with `/`")
    end = absolute.end()
    rest = target[end:]
    return rest if rest.startswith(b"/") else b"/" + rest


def read_headers(lines: bytes, version: bytes) -> int:
    """The framing of the body, by header lines that an empty one follows. Raises BadRequest."""
    return _request_framing(_headers(lines), version)


def _headers(lines: bytes) -> Headers:
    if _FIELDS.fullmatch(lines) is None:
        raise BadRequest(400, "a header line is not `name: value`, or has control characters in it")
    return tuple((name, value.strip(b" \t")) for name, value in _FIELD.findall(lines))


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
        return length_of(headers[names.index(b"content-length")][1])
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


def length_of(value: bytes) -> int:
    """HOT. Of a content-length. Raises BadRequest."""
    if not value.isdigit():
        value = value.strip(b" \t")
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
