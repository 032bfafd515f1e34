from __future__ import annotations

import pytest

from proxy.wire.head import CHUNKED, UNTIL_CLOSE
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_rules import BadResponse, parse_response_head


def response(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


def answer(raw: bytes, method: bytes = b"POST", drop: frozenset[bytes] = frozenset()) -> ResponseHead:
    return parse_response_head(raw, method, drop)


def test_parts_of_an_answer() -> None:
    head = answer(response(b"X-One:  a b\t", b"Content-Length: 5", b"x-one: c"))
    assert (head.status, head.reason, head.framing, head.keep_alive) == (200, b"OK", 5, True)
    assert head.lines == b"X-One:  a b\t\r\nContent-Length: 5\r\nx-one: c\r\n"
    assert head.headers() == ((b"X-One", b"a b"), (b"Content-Length", b"5"), (b"x-one", b"c"))
    assert (head.get(b"x-one"), head.get(b"one"), head.get(b"x-two")) == (b"a b", None, None)


@pytest.mark.parametrize(
    ("first", "status", "reason"),
    [
        (b"HTTP/1.1 404 Not Found", 404, b"Not Found"),
        (b"HTTP/1.1 200 ", 200, b""),
        (b"HTTP/1.1 200", 200, b""),
        (b"HTTP/1.0 599 \xc3\xa9", 599, b"\xc3\xa9"),
    ],
)
def test_status_lines(first: bytes, status: int, reason: bytes) -> None:
    head = answer(response(first=first))
    assert (head.status, head.reason) == (status, reason)


@pytest.mark.parametrize(
    ("first", "lines", "method", "framing"),
    [
        (b"HTTP/1.1 200 OK", (b"content-length:\t7 ",), b"GET", 7),
        (b"HTTP/1.1 200 OK", (b"Transfer-Encoding: Chunked",), b"GET", CHUNKED),
        (b"HTTP/1.1 200 OK", (), b"GET", UNTIL_CLOSE),
        (b"HTTP/1.1 200 OK", (b"Content-Length: 7",), b"HEAD", 0),
        (b"HTTP/1.1 200 OK", (b"Transfer-Encoding: chunked",), b"HEAD", 0),
        (b"HTTP/1.1 200 OK", (), b"HEAD", 0),
        (b"HTTP/1.1 100 Continue", (), b"POST", 0),
        (b"HTTP/1.1 204 No Content", (b"Content-Length: 7",), b"POST", 0),
        (b"HTTP/1.1 304 Not Modified", (b"Content-Length: 7",), b"GET", 0),
    ],
)
def test_answer_framing(first: bytes, lines: tuple[bytes, ...], method: bytes, framing: int) -> None:
    head = answer(response(*lines, first=first), method)
    assert head.framing == framing
    assert head.lines == b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize(
    ("first", "lines", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", (b"Content-Length: 7",), True),
        (b"HTTP/1.1 200 OK", (b"Content-Length: 7", b"Connection: x, Close"), False),
        (b"HTTP/1.1 200 OK", (b"Connection: keep-alive",), False),  # it ends by closing
        (b"HTTP/1.0 200 OK", (b"Content-Length: 7",), False),
        (b"HTTP/1.0 200 OK", (b"Content-Length: 7", b"Connection: Keep-Alive"), True),
    ],
)
def test_answer_keep_alive(first: bytes, lines: tuple[bytes, ...], keep_alive: bool) -> None:
    assert answer(response(*lines, first=first)).keep_alive is keep_alive


def test_repr_shows_no_header() -> None:
    assert "secret" not in repr(answer(response(b"Set-Cookie: secret")))


def test_hop_by_hop_headers_stay_behind() -> None:
    head = answer(response(
        b"Connection: keep-alive", b"A: 1", b"KEEP-ALIVE: timeout=5", b"Proxy-Connection: x", b"Proxy-Authenticate: x",
        b"te: trailers", b"Upgrade: h2c", b"Trailer: X-Sum", b"Transfer-Encoding: chunked", b"a: 2",
    ))  # fmt: skip
    assert head.lines == b"A: 1\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\na: 2\r\n"
    assert head.headers() == ((b"A", b"1"), (b"Trailer", b"X-Sum"), (b"a", b"2"))


def test_what_connection_names_stays_behind() -> None:
    head = answer(
        response(b"X-Hop: 1", b"connection: x-HOP", b"X-Hop-2: 1", b"Connection: close, x-gone", b"X-Gone:")
    )
    assert head.lines == b"X-Hop-2: 1\r\n"


def test_connection_cannot_name_the_framing_away() -> None:
    head = answer(response(b"Content-Length: 7", b"Connection: content-length, transfer-encoding"))
    assert (head.framing, head.lines) == (7, b"Content-Length: 7\r\n")


def test_the_caller_drops_headers() -> None:
    raw = response(b"Set-Cookie: a", b"X: b", b"set-cookie: c", b"X-Set-Cookie: d", b"Set-Cookie-2: e")
    head = answer(raw, drop=frozenset((b"set-cookie",)))
    assert head.lines == b"X: b\r\nX-Set-Cookie: d\r\nSet-Cookie-2: e\r\n"
    assert head.get(b"set-cookie") == b"a"


def test_a_dropped_transfer_encoding_still_frames() -> None:
    head = answer(response(b"Transfer-Encoding: chunked"), drop=frozenset((b"transfer-encoding",)))
    assert (head.framing, head.lines) == (CHUNKED, b"")


BAD_ANSWERS = {
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": response(first=b"HTTP/2 200 OK"),
    "HTTP/1.2": response(first=b"HTTP/1.2 200 OK"),
    "two digits": response(first=b"HTTP/1.1 20 OK"),
    "four digits": response(first=b"HTTP/1.1 2000 OK"),
    "status 600": response(first=b"HTTP/1.1 600 OK"),
    "status 099": response(first=b"HTTP/1.1 099 OK"),
    "control in the reason": response(first=b"HTTP/1.1 200 O\0K"),
    "no end": b"HTTP/1.1 200 OK\r\nX: a\r\n",
    "more than the head": response() + b"x",
    "a blank line inside": response(b"X: a", b"", b"Y: b"),
    "bare LF": response(b"X: a\nY: b"),
    "bare LF behind the status": b"HTTP/1.1 200 OK\nX: a\r\n\r\n",
    "bare CR": response(b"X: a\rY: b"),
    "NUL": response(b"X: a\0"),
    "obs-fold": response(b"X: a", b" b"),
    "space before colon": response(b"Content-Length : 5"),
    "no colon": response(b"X"),
    "TE and CL": response(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "differing CL": response(b"Content-Length: 5", b"content-length: 6"),
    "repeated CL": response(b"Content-Length: 5", b"X: a", b"Content-Length: 5"),
    "CL list": response(b"Content-Length: 5, 5"),
    "CL with a sign": response(b"Content-Length: +5"),
    "empty CL": response(b"Content-Length:"),
    "CL of 19 digits": response(b"Content-Length: 1000000000000000000"),
    "TE gzip": response(b"Transfer-Encoding: gzip, chunked"),
    "TE doubled": response(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "TE in HTTP/1.0": response(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK"),
}  # fmt: skip


@pytest.mark.parametrize("method", [b"POST", b"HEAD"])
@pytest.mark.parametrize("raw", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_bad_answers(raw: bytes, method: bytes) -> None:
    with pytest.raises(BadResponse) as caught:
        answer(raw, method)
    assert str(caught.value) == caught.value.reason
