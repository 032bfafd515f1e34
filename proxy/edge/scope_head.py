"""The head of a request that an ASGI server has read: checked by the parser that checks those of the fast door.

Servers and HTTP/2 let more through than HTTP/1.1 can say, and what one parser lets through another reads as a second
request. So the head is said anew in HTTP/1.1's own words, and parsed as if it had come in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import GatewayError
from proxy.wire.form import RequestHead
from proxy.wire.head import CHUNKED, NO_BODY, BadRequest
from proxy.wire.head_parser import HeadParser

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

_WITH_BODIES = frozenset((b"POST", b"PUT", b"PATCH"))


def head_of(scope: HTTPScope, parser: HeadParser) -> tuple[RequestHead, int]:
    """The head and its body's framing. Raises BadRequest, for what the fast door refuses too."""
    raw = _said(scope)
    head, length = parser.parse(raw)
    if scope["http_version"] in ("1.0", "1.1"):
        return head, length
    if head.opening.target != _target(scope):
        raise BadRequest(400, "`:path` must begin with `/`")
    if length == CHUNKED:  # RFC 9113 section 8.2.2
        raise BadRequest(400, "transfer-encoding does not exist in HTTP/2")
    # HTTP/2 bodies need no header (RFC 9113 section 8.1.1); requests that only ask have none.
    return head, CHUNKED if length == NO_BODY and head.method in _WITH_BODIES else length


def refusal(bad: BadRequest) -> GatewayError:
    """What to answer, through either door."""
    return GatewayError(bad.status, f"Bad request: {bad.reason}.")


def _target(scope: HTTPScope) -> bytes:
    query = scope["query_string"]
    return scope["raw_path"] + b"?" + query if query else scope["raw_path"]


def _said(scope: HTTPScope) -> bytes:
    """HTTP/1.1 bytes of as many lines as the server counted. Raises BadRequest where they would be others."""
    version = b"1.0" if scope["http_version"] == "1.0" else b"1.1"
    names, lines = 0, []
    for name, value in scope["headers"]:
        names += b":" in name
        lines.append(b"%b: %b\r\n" % (name, value))
    method = scope["method"].encode("utf-8", "surrogateescape")
    raw = b"%b %b HTTP/%b\r\n%b\r\n" % (method, _target(scope), version, b"".join(lines))
    ends = len(lines) + 2
    if names or raw.count(b"\n") != ends or raw.count(b"\r") != ends:
        raise BadRequest(400, "a header line is not `name: value`, or has control characters in it")
    return raw
