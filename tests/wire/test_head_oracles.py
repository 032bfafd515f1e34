"""Whatever is accepted here, h11 and httptools accept with the same meaning; so what they refuse is refused."""

from __future__ import annotations

import h11
import httptools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.types import Headers
from proxy.wire.form import RequestHead
from proxy.wire.head import CHUNKED, UNTIL_CLOSE, BadRequest
from proxy.wire.head_parser import HeadParser
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_rules import BadResponse, parse_response_head

FRAMING = (b"content-length", b"transfer-encoding")
DROP = frozenset((b"set-cookie",))

GOOD_LINES = st.sampled_from([
    b"Content-Length: 5", b"content-length:\t61 ", b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED",
    b"Connection: close", b"connection: Keep-Alive", b"Connection: x, y", b"Expect: 100-continue", b"X: 1", b"x:\t2 ",
    b"X: \t a\tb \t", b"Y: \xff", b"Set-Cookie: a", b"TE: trailers", b"X-Content-Length: 6",
])  # fmt: skip
ODD_LINES = st.sampled_from([
    b"Content-Length: 5,5", b"Content-Length: +5", b"Content-Length:", b"Content-Length : 5", b"Content_Length: 5",
    b" Content-Length: 5", b"Transfer-Encoding: gzip", b"Transfer-Encoding: \x0bchunked", b"Transfer_Encoding: chunked",
    b"host: b:80", b"Host: a b", b"X: a\nY: b", b"X: a\rY: b", b"X: \0", b" fold", b"\tfold", b"", b"X", b"X y: a",
    b"\xe9: a", b": a",
])  # fmt: skip
LINES = st.lists(GOOD_LINES, max_size=4) | st.lists(GOOD_LINES | ODD_LINES, max_size=4)
REQUEST_LINES = st.sampled_from([
    b"POST /v1/x HTTP/1.1", b"GET /?q HTTP/1.1", b"DELETE /a%20b HTTP/1.0", b"GET http://a/b HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"GET / HTTP/1.2", b"GET  / HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET / HTTP/1.1\nHost: a",
])  # fmt: skip
STATUS_LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 503", b"HTTP/1.1 404 ", b"HTTP/1.1 99 X", b"HTTP/3.0 200 OK",
])  # fmt: skip


def joined(*lines: bytes) -> bytes:
    return b"\r\n".join((*lines, b"", b""))


REQUESTS = st.builds(lambda first, lines: joined(first, b"Host: a", *lines), REQUEST_LINES, LINES)
RESPONSES = st.builds(lambda first, lines: joined(first, *lines), STATUS_LINES, LINES)


def accepted_request(raw: bytes) -> tuple[RequestHead, int] | None:
    try:
        return HeadParser(65536, 100).parse(raw)
    except BadRequest:
        return None


def accepted_response(raw: bytes, method: bytes) -> ResponseHead | None:
    try:
        return parse_response_head(raw, method, DROP)
    except BadResponse:
        return None


def body_for(framing: int) -> bytes:
    return b"0\r\n\r\n" if framing == CHUNKED else b"x" * max(framing, 0)


def without_framing(headers: Headers, gone: frozenset[bytes] = frozenset()) -> list[tuple[bytes, bytes]]:
    """Exception: h11 rewrites the framing headers. Their meaning is compared by where the body ends."""
    lowered = [(name.lower(), value) for name, value in headers]
    return [header for header in lowered if header[0] not in FRAMING and header[0] not in gone]


def same_target(head: RequestHead, target: bytes) -> bool:
    """Exception: an absolute form is rewritten here and left as it is by the others."""
    return target == (b"http://a" if target.startswith(b"http") else b"") + head.opening.target


def version(head: RequestHead) -> bytes:
    return b"1.1" if head.opening.modern else b"1.0"


def rest_of_body(peer: h11.Connection) -> int:
    """Payload bytes up to the message's end."""
    size = 0
    while type(event := peer.next_event()) is h11.Data:
        size += len(event.data)
    assert type(event) is h11.EndOfMessage
    return size


@settings(max_examples=300, deadline=None)
@example(joined(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5"))
@example(joined(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked"))
@given(REQUESTS)
def test_h11_accepts_the_requests_that_are_accepted(raw: bytes) -> None:
    ours = accepted_request(raw)
    if ours is None:
        return
    head, framing = ours
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw + body_for(framing))
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.http_version) == (head.method, version(head))
    assert same_target(head, event.target)
    assert without_framing(tuple(event.headers)) == without_framing(head.headers)
    assert rest_of_body(server) == max(framing, 0)
    assert server.trailing_data == (b"", False)
    # Exception: h11 never keeps HTTP/1.0 alive.
    assert (server.their_state is h11.DONE) == (head.form.keep_alive and head.opening.modern)


class Httptools:
    """What httptools understood of one request."""

    def __init__(self, raw: bytes) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.keep_alive: bool | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(raw)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Exception: llhttp leaves the blanks behind a value."""
        self.headers.append((name, value.rstrip(b" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.keep_alive = self.parser.should_keep_alive()


@settings(max_examples=300, deadline=None)
@example(joined(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5"))
@example(joined(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked"))
@given(REQUESTS)
def test_httptools_accepts_the_requests_that_are_accepted(raw: bytes) -> None:
    ours = accepted_request(raw)
    if ours is None:
        return
    head, framing = ours
    theirs = Httptools(raw + body_for(framing))
    assert theirs.parser.get_method() == head.method
    assert theirs.parser.get_http_version().encode() == version(head)
    assert same_target(head, theirs.target)
    assert without_framing(tuple(theirs.headers)) == without_framing(head.headers)
    assert len(theirs.body) == max(framing, 0)
    if (
        not {b"close", b"keep-alive"} <= head.form.connection_tokens
    ):  # Exception: llhttp lets keep-alive win in HTTP/1.0.
        assert theirs.keep_alive == head.form.keep_alive


@settings(max_examples=300, deadline=None)
@example(joined(b"HTTP/1.1 200 OK", b"Content-Length: 5"), b"POST")
@example(joined(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked"), b"POST")
@given(RESPONSES, st.sampled_from([b"GET", b"HEAD", b"POST"]))
def test_h11_accepts_the_answers_that_are_accepted(raw: bytes, method: bytes) -> None:
    head = accepted_response(raw, method)
    if head is None:
        return
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw + (b"some" if head.framing == UNTIL_CLOSE else body_for(head.framing)))
    event = client.next_event()
    assert isinstance(event, h11.Response)
    assert (event.status_code, event.reason) == (head.status, head.reason)
    nominated = {b"x", b"y"} if b"Connection: x, y" in raw else set()
    gone = frozenset({b"connection", b"te", b"set-cookie"} | nominated)
    assert without_framing(tuple(event.headers), gone) == without_framing(head.headers())
    if head.framing == UNTIL_CLOSE:
        assert isinstance(client.next_event(), h11.Data)
        client.receive_data(b"")
    assert rest_of_body(client) == (0 if head.framing == UNTIL_CLOSE else max(head.framing, 0))
