from __future__ import annotations

import pytest

from proxy.wire.form import RequestHead
from proxy.wire.head import CHUNKED, NO_BODY, BadRequest, find_head_end
from proxy.wire.head_parser import HeadParser

MAX_BYTES = 2000
MAX_HEADERS = 20


def parser(memory_bytes: int = 200_000) -> HeadParser:
    return HeadParser(MAX_BYTES, MAX_HEADERS, memory_bytes)


def strict_parser() -> HeadParser:
    """Remembers nothing: there is no room."""
    return parser(0)


def request(*lines: bytes, first: bytes = b"POST /v1/x HTTP/1.1", host: bytes | None = b"Host: a") -> bytes:
    return b"\r\n".join((first, *([host] if host is not None else []), *lines, b"", b""))


def parse(raw: bytes) -> tuple[RequestHead, int]:
    return strict_parser().parse(raw)


# Finding the end


def test_head_end_is_the_index_behind_the_blank_line() -> None:
    assert find_head_end(b"a\r\n\r\nrest", 0) == 5
    assert find_head_end(bytearray(b"a\r\n\r\nb\r\n\r\n"), 5) == 10


def test_no_head_end_yet() -> None:
    assert find_head_end(b"a\r\n\r", 0) == -1
    assert find_head_end(b"a\n\n", 0) == -1


# What a request head says


def test_parts_of_a_request() -> None:
    raw = request(
        b"X-One:  a b\t",
        b"content-length: 12",
        b"x-one: second",
        b"Empty:",
        first=b"PUT /a%20b?c=d?e HTTP/1.1",
    )
    head, framing = parse(raw)
    assert (head.method, head.opening.target, head.path, head.query) == (
        b"PUT",
        b"/a%20b?c=d?e",
        b"/a%20b",
        b"c=d?e",
    )
    lines = ((b"X-One", b"a b"), (b"content-length", b"12"), (b"x-one", b"second"), (b"Empty", b""))
    assert head.headers == ((b"Host", b"a"), *lines)
    assert (framing, head.opening.modern) == (12, True)


def test_headers_are_found_by_lower_case_name() -> None:
    head, _ = parse(request(b"X-One: a", b"x-one: b"))
    assert head.get(b"x-one") == b"a"
    assert head.get(b"x-two") is None


def test_no_query_is_not_an_empty_query() -> None:
    assert parse(request(first=b"GET /a HTTP/1.1"))[0].query is None
    assert parse(request(first=b"GET /a? HTTP/1.1"))[0].query == b""


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        ((), NO_BODY),
        ((b"Content-Length: 0",), 0),
        ((b"cOnTeNt-LeNgTh:\t 7 ",), 7),
        ((b"Content-Length: 007",), 7),
        ((b"Content-Length: 999999999999999999",), 10**18 - 1),
        ((b"Transfer-Encoding: Chunked",), CHUNKED),
    ],
)
def test_request_framing(lines: tuple[bytes, ...], framing: int) -> None:
    head, found = parse(request(*lines))
    assert found == framing
    assert (head.get(b"content-length") is not None) == (framing >= 0)


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"x, Close", False),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_keep_alive(version: bytes, connection: bytes, keep_alive: bool) -> None:
    head, _ = parse(request(b"Connection: " + connection, first=b"GET / HTTP/" + version))
    assert head.form.keep_alive is keep_alive
    assert head.opening.modern == (version == b"1.1")


def test_connection_names_headers_in_all_its_lines() -> None:
    head, _ = parse(request(b"Connection: X-One, ,keep-alive", b"connection: X-TWO"))
    assert head.form.connection_tokens == {b"x-one", b"keep-alive", b"x-two"}


def test_expect_and_upgrade_are_for_http_1_1() -> None:
    lines = (b"Expect: 100-Continue", b"Upgrade: h2c")
    head, _ = parse(request(*lines))
    assert (head.form.expect_continue, head.form.upgrade) == (True, True)
    head, _ = parse(request(*lines, first=b"GET / HTTP/1.0"))
    assert (head.form.expect_continue, head.form.upgrade) == (False, False)
    head, _ = parse(request(b"Expect: the-unexpected"))
    assert (head.form.expect_continue, head.form.upgrade) == (False, False)


@pytest.mark.parametrize(
    ("first", "target"),
    [
        (b"GET http://a/b?c HTTP/1.1", b"/b?c"),
        (b"GET HTTPS://a:443/b HTTP/1.1", b"/b"),
        (b"GET http://[::1]:80/b HTTP/1.1", b"/b"),
        (b"GET http://a HTTP/1.1", b"/"),
        (b"GET http://a?b HTTP/1.1", b"/?b"),
        (b"GET //a/b HTTP/1.1", b"//a/b"),
        (b"OPTIONS * HTTP/1.1", b"*"),
    ],
)
def test_target_becomes_origin_form(first: bytes, target: bytes) -> None:
    assert parse(request(first=first))[0].opening.target == target


@pytest.mark.parametrize("host", [b"", b"a.example:4000", b"[2001:db8::1]:80", b"127.0.0.1", b"a_b"])
def test_good_hosts(host: bytes) -> None:
    assert parse(request(host=b"Host: " + host))[0].get(b"host") == host


def test_an_http_1_0_request_needs_no_host() -> None:
    assert parse(request(first=b"GET / HTTP/1.0", host=None))[1] == NO_BODY


def test_values_may_hold_tabs_and_bytes_above_ascii() -> None:
    assert parse(request(b"X: a\tb\xc3\xa9\xff"))[0].get(b"x") == b"a\tb\xc3\xa9\xff"


def test_repr_shows_no_header() -> None:
    head, _ = parse(request(b"Authorization: Bearer sk-secret"))
    assert "sk-secret" not in repr(head)


# What a request head must not say

REFUSED = {
    "no version": (request(first=b"GET /"), 400),
    "lower-case protocol": (request(first=b"GET / http/1.1"), 400),
    "two spaces": (request(first=b"GET  / HTTP/1.1"), 400),
    "tab in the request line": (request(first=b"GET\t/ HTTP/1.1"), 400),
    "blank behind the version": (request(first=b"GET / HTTP/1.1 "), 400),
    "blank before the method": (request(first=b" GET / HTTP/1.1"), 400),
    "leading empty line": (b"\r\n" + request(), 400),
    "method is no token": (request(first=b"GE(T / HTTP/1.1"), 400),
    "space in target": (request(first=b"GET /a b HTTP/1.1"), 400),
    "control in target": (request(first=b"GET /a\x01 HTTP/1.1"), 400),
    "DEL in target": (request(first=b"GET /a\x7f HTTP/1.1"), 400),
    "non-ASCII target": (request(first=b"GET /\xc3\xa9 HTTP/1.1"), 400),
    "fragment": (request(first=b"GET /a#b HTTP/1.1"), 400),
    "relative target": (request(first=b"GET a HTTP/1.1"), 400),
    "star without OPTIONS": (request(first=b"GET * HTTP/1.1"), 400),
    "authority form": (request(first=b"GET a:80 HTTP/1.1"), 400),
    "user in authority": (request(first=b"GET http://u@a/ HTTP/1.1"), 400),
    "empty authority": (request(first=b"GET http:///a HTTP/1.1"), 400),
    "port without host": (request(first=b"GET http://:80/a HTTP/1.1"), 400),
    "other scheme": (request(first=b"GET ftp://a/ HTTP/1.1"), 400),
    "CONNECT": (request(first=b"CONNECT a:80 HTTP/1.1"), 501),
    "connect": (request(first=b"connect / HTTP/1.1"), 501),
    "TRACE": (request(first=b"TRACE / HTTP/1.1"), 501),
    "trace": (request(first=b"tRaCe / HTTP/1.1"), 501),
    "TRACK": (request(first=b"TRACK / HTTP/1.1"), 501),
    "HTTP/1.9": (request(first=b"GET / HTTP/1.9"), 505),
    "HTTP/2.0": (request(first=b"GET / HTTP/2.0"), 505),
    "HTTP/0.9": (request(first=b"GET / HTTP/0.9"), 505),
    "HTTP/1.10": (request(first=b"GET / HTTP/1.10"), 400),
    "space before colon": (request(b"X : a"), 400),
    "empty name": (request(b": a"), 400),
    "no colon": (request(b"X"), 400),
    "name is no token": (request(b"X@: a"), 400),
    "non-ASCII name": (request(b"X\xe9: a"), 400),
    "obs-fold by space": (request(b"X: a", b" b"), 400),
    "obs-fold by tab": (request(b"X: a", b"\tb"), 400),
    "obs-fold before the first header": (request(b"X: a", host=b" Host: a"), 400),
    "NUL in value": (request(b"X: a\0"), 400),
    "control in value": (request(b"X: a\x08"), 400),
    "DEL in value": (request(b"X: a\x7f"), 400),
    "bare LF between headers": (request(b"X: a\nY: b"), 400),
    "bare CR in value": (request(b"X: a\rY: b"), 400),
    "bare LF behind the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare CR behind the request line": (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    "CR CR LF": (request(b"X: a\r"), 400),
    "a blank line inside": (request(b"X: a", b"", b"Y: b"), 400),
    "no end": (b"GET / HTTP/1.1\r\nHost: a\r\n", 400),
    "nothing": (b"", 400),
    "only the end": (b"\r\n\r\n", 400),
    "no Host": (request(host=None), 400),
    "two Hosts": (request(b"host: a"), 400),
    "two Hosts in HTTP/1.0": (request(b"host: a", first=b"GET / HTTP/1.0"), 400),
    "Host with a path": (request(host=b"Host: a/b"), 400),
    "Host with a user": (request(host=b"Host: u@a"), 400),
    "Host list": (request(host=b"Host: a b"), 400),
    "non-ASCII Host": (request(host=b"Host: \xe9"), 400),
    "TE and CL": (request(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    "CL and TE": (request(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    "unknown TE and CL": (request(b"Transfer-Encoding: identity", b"Content-Length: 5"), 400),
    "differing CL": (request(b"Content-Length: 5", b"Content-Length: 6"), 400),
    "identical CL": (request(b"Content-Length: 5", b"Content-Length: 5"), 400),
    "identical CL in two spellings": (request(b"Content-Length: 5", b"content-length:5"), 400),
    "CL list": (request(b"Content-Length: 5, 5"), 400),
    "CL with a sign": (request(b"Content-Length: +5"), 400),
    "negative CL": (request(b"Content-Length: -5"), 400),
    "CL with underscore": (request(b"Content-Length: 1_0"), 400),
    "hexadecimal CL": (request(b"Content-Length: 0x5"), 400),
    "empty CL": (request(b"Content-Length: "), 400),
    "CL with blank inside": (request(b"Content-Length: 1 0"), 400),
    "CL with non-ASCII digits": (request("Content-Length: \u0665".encode()), 400),
    "CL of 19 digits": (request(b"Content-Length: 1000000000000000000"), 400),
    "TE gzip, chunked": (request(b"Transfer-Encoding: gzip, chunked"), 501),
    "TE xchunked": (request(b"Transfer-Encoding: xchunked"), 501),
    "TE chunked with parameter": (request(b"Transfer-Encoding: chunked;q=1"), 501),
    "TE identity": (request(b"Transfer-Encoding: identity"), 501),
    "empty TE": (request(b"Transfer-Encoding:"), 501),
    "TE doubled in one line": (request(b"Transfer-Encoding: chunked, chunked"), 501),
    "TE in two lines": (request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "TE with vertical tab": (request(b"Transfer-Encoding: \x0bchunked"), 400),
    "TE in HTTP/1.0": (request(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0"), 400),
    "Content_Length": (request(b"Content_Length: 5"), 400),
    "Transfer_Encoding": (request(b"transfer_encoding: chunked"), 400),
    "too many headers": (request(*[b"X: a"] * MAX_HEADERS), 431),
    "too large a header": (request(b"X: " + b"a" * MAX_BYTES), 431),
    "too large in the sum": (request(*[b"X: " + b"a" * 120] * (MAX_HEADERS - 1)), 431),
    "too large a target": (request(first=b"GET /" + b"a" * MAX_BYTES + b" HTTP/1.1"), 414),
}  # fmt: skip


@pytest.mark.parametrize("memory_bytes", [0, 200_000])
@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes, status: int, memory_bytes: int) -> None:
    subject = parser(memory_bytes)
    for _ in range(4):
        with pytest.raises(BadRequest) as caught:
            subject.parse(raw)
        assert caught.value.status == status
        assert str(caught.value) == caught.value.reason


def test_limits_are_inclusive() -> None:
    assert parse(request(*[b"X: a"] * (MAX_HEADERS - 1)))[1] == NO_BODY
    spare = MAX_BYTES - len(request(b"X: "))
    assert len(parse(request(b"X: " + b"a" * spare))[0].headers[1][1]) == spare


def test_a_head_that_never_ends_is_blamed_on_its_line() -> None:
    assert parser().too_large(bytearray(b"GET /" + b"a" * MAX_BYTES)).status == 414
    assert parser().too_large(b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_BYTES).status == 431
