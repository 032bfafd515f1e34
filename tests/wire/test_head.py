from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.head import CHUNKED, NO_BODY, BadRequest, HeadParser, RequestHead, find_head_end

MAX_BYTES = 2000
MAX_HEADERS = 20


def parser(memo_entries: int = 512, memo_head_bytes: int = 8192) -> HeadParser:
    return HeadParser(MAX_BYTES, MAX_HEADERS, memo_entries, memo_head_bytes)


def strict_parser() -> HeadParser:
    """Remembers nothing: no head is short enough."""
    return parser(memo_head_bytes=0)


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
    assert (head.method, head.target, head.path, head.query) == (b"PUT", b"/a%20b?c=d?e", b"/a%20b", b"c=d?e")
    assert head.headers == ((b"Host", b"a"), (b"X-One", b"a b"), (b"x-one", b"second"), (b"Empty", b""))
    assert (framing, head.length_index, head.version, head.chunked) == (12, 2, b"1.1", False)


def test_headers_are_found_by_lower_case_name() -> None:
    head, _ = parse(request(b"X-One: a", b"x-one: b"))
    assert head.get(b"x-one") == b"a"
    assert head.get_all(b"x-one") == [b"a", b"b"]
    assert head.get(b"x-two") is None
    assert head.get_all(b"x-two") == []


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
    assert head.chunked == (framing == CHUNKED)
    assert head.get(b"content-length") is None


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
    assert head.keep_alive is keep_alive
    assert head.version == version


def test_connection_names_headers_in_all_its_lines() -> None:
    head, _ = parse(request(b"Connection: X-One, ,keep-alive", b"connection: X-TWO"))
    assert head.connection_tokens == {b"x-one", b"keep-alive", b"x-two"}


def test_expect_and_upgrade_are_for_http_1_1() -> None:
    lines = (b"Expect: 100-Continue", b"Upgrade: h2c")
    head, _ = parse(request(*lines))
    assert (head.expect_continue, head.upgrade) == (True, True)
    head, _ = parse(request(*lines, first=b"GET / HTTP/1.0"))
    assert (head.expect_continue, head.upgrade) == (False, False)
    head, _ = parse(request(b"Expect: the-unexpected"))
    assert (head.expect_continue, head.upgrade) == (False, False)


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
    assert parse(request(first=first))[0].target == target


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


@pytest.mark.parametrize("memo_head_bytes", [0, 8192])
@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes, status: int, memo_head_bytes: int) -> None:
    subject = parser(memo_head_bytes=memo_head_bytes)
    for _ in range(2):
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


# The memo


@pytest.mark.parametrize("name", [b"Content-Length: ", b"content-length: "])
def test_heads_that_differ_in_length_only_are_one(name: bytes) -> None:
    subject = parser()
    first, framing = subject.parse(request(name + b"5", b"X: a"))
    again, other_framing = subject.parse(request(name + b"1234", b"X: a"))
    assert again is first
    assert (framing, other_framing) == (5, 1234)


@pytest.mark.parametrize(
    "other",
    [
        request(b"X: a", b"Content-Length: 5"),
        request(b"X: a"),
        request(b"Content-Length:5", b"X: a"),
        request(b"Content-Length: 5", b"X: b"),
        request(b"Content-Length: 5", b"x: a"),
        request(b"content-length: 5", b"X: a"),
    ],
)
def test_any_other_difference_is_another_head(other: bytes) -> None:
    subject = parser()
    first, _ = subject.parse(request(b"Content-Length: 5", b"X: a"))
    assert subject.parse(other)[0] is not first


def test_heads_without_length_are_remembered_with_their_framing() -> None:
    subject = parser()
    for raw, framing in ((request(), NO_BODY), (request(b"Transfer-Encoding: chunked"), CHUNKED)):
        head, found = subject.parse(raw)
        assert subject.parse(raw) == (head, framing)
        assert found == framing


def test_a_full_memo_is_emptied_and_goes_on() -> None:
    subject = parser(memo_entries=2)
    first, _ = subject.parse(request(b"X: 0"))
    subject.parse(request(b"X: 1"))
    assert subject.parse(request(b"X: 0"))[0] is first
    subject.parse(request(b"X: 2"))
    anew, _ = subject.parse(request(b"X: 0"))
    assert anew is not first
    assert subject.parse(request(b"X: 0"))[0] is anew


def test_long_heads_are_not_remembered() -> None:
    subject = parser(memo_head_bytes=100)
    raw = request(b"X: " + b"a" * 100)
    assert subject.parse(raw)[0] is not subject.parse(raw)[0]


def test_a_refused_length_does_not_live_on_a_remembered_head() -> None:
    subject = parser()
    subject.parse(request(b"Content-Length: 5"))
    for digits in (b"", b"+5", b"5 5", b"5, 5", b"1" * 19, b"5\r\nContent-Length: 5", b"5\nX: a", b"\xb2"):
        with pytest.raises(BadRequest):
            subject.parse(request(b"Content-Length: " + digits))


LINES = st.sampled_from([
    b"Content-Length: 5", b"Content-Length: 61", b"content-length: 5", b"Content-length: 5", b"Content-Length:5",
    b"Content-Length: 5 ", b"Content-Length: ", b"Content-Length: 5,5", b"Content-Length: +5", b"Content_Length: 5",
    b"X-Content-Length: 5", b"X: Content-Length: 5", b" Content-Length: 5", b"Content-Length : 5",
    b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: gzip",
    b"Transfer_Encoding: chunked",
    b"Host: a", b"host: b:80", b"Host: ", b"Host: a b", b"Connection: close", b"Connection: content-length, x",
    b"Expect: 100-continue", b"X: a", b"x:b", b"X: \t a\tb \t", b"X: \xff", b"X: a\nY: b", b"X: a\rY: b", b"X:\0",
    b" fold", b"\tfold", b"", b"X", b"X y: a", b"\xe9: a",
])  # fmt: skip
FIRSTS = st.sampled_from([
    b"POST /v1/x HTTP/1.1", b"GET /?q HTTP/1.1", b"GET / HTTP/1.0", b"GET http://a/b HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"GET / HTTP/1.2", b"GET  / HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET / HTTP/1.1\nHost: a",
])  # fmt: skip
HEADS = st.builds(
    lambda first, lines: request(*lines, first=first, host=None),
    st.one_of(st.just(b"POST /v1/x HTTP/1.1"), FIRSTS),
    st.lists(LINES, max_size=5).map(lambda lines: [b"Host: a", *lines]) | st.lists(LINES, max_size=4),
)


def outcome(subject: HeadParser, raw: bytes) -> object:
    """Everything a caller can see of one parse."""
    try:
        head, framing = subject.parse(raw)
    except BadRequest as refused:
        return refused.status, refused.reason
    seen = [getattr(head, name) for name in RequestHead.__slots__ if not name.startswith("_")]
    return framing, seen, {name.lower(): head.get(name.lower()) for name, _ in head.headers}


@settings(max_examples=300, deadline=None)
@given(st.lists(HEADS, min_size=1, max_size=8))
def test_the_memo_never_changes_an_answer(heads: list[bytes]) -> None:
    remembering, strict = parser(memo_entries=4), strict_parser()
    for raw in heads * 2:
        assert outcome(remembering, raw) == outcome(strict, raw)
