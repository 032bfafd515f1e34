"""What is remembered of heads: it never changes an answer, and it stays within its bound in bytes."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.form import SIEVES_REMEMBERED, RequestHead
from proxy.wire.form_memory import FORMS_ALIKE, NEW_LINES, REMEMBERED_BYTES, WIDENED
from proxy.wire.head import CHUNKED, NO_BODY, BadRequest
from proxy.wire.head_parser import HeadParser

MEMORY_BYTES = 200_000


def parser(memory_bytes: int = MEMORY_BYTES) -> HeadParser:
    return HeadParser(65_536, 100, memory_bytes)


def request(*lines: bytes, first: bytes = b"POST /v1/x HTTP/1.1", host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join((first, host, *lines, b"", b""))


def proxied(number: int, *lines: bytes) -> bytes:
    own = (b"X-Forwarded-For: 192.0.2.%d" % (number % 250), b"X-Request-ID: id-%d" % number)
    return request(*lines, *own, b"Traceparent: 00-%032x-01" % number, b"Content-Length: %d" % number)


def forms(subject: HeadParser) -> int:
    return sum(map(len, subject._forms.values()))


def is_known(subject: HeadParser, raw: bytes) -> bool:
    """Whether a head is recognized without the strict parse."""
    known, openings = forms(subject), len(subject._openings)
    form = subject.parse(raw)[0].form
    again = subject.parse(raw)[0].form
    return form is again and (known, openings) == (forms(subject), len(subject._openings))


# What is one form


def test_a_client_that_repeats_itself_is_known_by_its_whole_head() -> None:
    subject = parser()
    raw = request(b"A: 1", b"Content-Length: 10", b"B: 2")
    for _ in range(4):
        subject.parse(raw)
    assert list(subject._repeats) == [len(raw)]
    head, framing = subject.parse(raw.replace(b"10", b"99"))
    assert (framing, head.get(b"content-length"), head.get(b"b")) == (99, b"99", b"2")
    for odd in (b"+9", b"9 ", b"\t9", b"9\n"):
        changed = raw.replace(b"10", odd)
        assert outcome(subject, changed) == outcome(parser(0), changed)
    other = raw.replace(b"A: 1", b"A: 3")
    for _ in range(4):
        assert subject.parse(other)[0].get(b"a") == b"3"
    assert subject.parse(raw)[0].get(b"a") == b"1"


def test_heads_that_are_never_alike_are_not_kept_whole() -> None:
    subject = parser()
    for number in range(10, 99):
        subject.parse(proxied(number, b"User-Agent: x"))
    assert not subject._repeats


def test_a_head_is_known_from_its_third_coming_on() -> None:
    subject = parser()
    raw = request(b"A: 1", b"Content-Length: 5")
    first, second, third = (subject.parse(raw)[0].form for _ in range(3))
    assert first is not second
    assert second is third


@pytest.mark.parametrize("name", [b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH:\t"])
def test_the_length_is_a_gap_from_the_start(name: bytes) -> None:
    subject = parser()
    found = [subject.parse(request(b"A: 1", name + b"%d" % size)) for size in (1, 22, 333, 4444, 0)]
    assert [framing for _, framing in found] == [1, 22, 333, 4444, 0]
    assert found[2][0].form is found[3][0].form is found[4][0].form


def test_heads_that_are_never_alike_are_one_form() -> None:
    subject = parser()
    heads = [subject.parse(proxied(number, b"User-Agent: x"))[0] for number in range(3, 200)]
    assert len({id(head.form) for head in heads[2:]}) == 1
    for number, head in enumerate(heads, 3):
        assert (head.get(b"x-request-id"), head.get(b"user-agent")) == (b"id-%d" % number, b"x")
        assert head.headers == RequestHead.of(b"POST", b"/", head.headers).headers
        assert head.headers[3] == (b"X-Request-ID", b"id-%d" % number)
    assert subject.held_bytes < 20_000


def test_many_keys_become_a_gap() -> None:
    subject = parser()
    for number in range(60):
        subject.parse(proxied(number, b"Authorization: Bearer sk-%d" % (number % 20), b"User-Agent: x"))
    assert forms(subject) == 1
    assert is_known(subject, proxied(1, b"Authorization: Bearer sk-of-a-newcomer", b"User-Agent: x"))


def test_kinds_of_clients_that_differ_in_more_are_forms_of_their_own() -> None:
    subject = parser()
    kinds = [[b"X-%d: %d" % (line, kind) for line in range(NEW_LINES + 2)] for kind in range(3)]
    for number in range(15):
        subject.parse(proxied(number, *kinds[number % 3]))
    assert len(kinds[0]) > WIDENED
    assert forms(subject) == 3
    for kind in kinds:
        raw = proxied(99, *kind)
        assert is_known(subject, raw)
        assert len(subject.parse(raw)[0].values) == 4


def test_there_are_only_so_many_kinds_of_one_layout() -> None:
    subject = parser()
    for kind in range(FORMS_ALIKE + 5):
        for _ in range(3):
            subject.parse(request(b"A: %d" % kind, b"B: %d" % kind, b"C: %d" % kind))
    assert forms(subject) <= FORMS_ALIKE
    assert is_known(subject, request(b"A: new", b"B: new", b"C: new"))


@pytest.mark.parametrize(
    "line", [b"Connection: close", b"Connection: x-a", b"Expect: 100-continue", b"Host: b", b"Upgrade: h2c"]
)
def test_lines_that_decide_are_never_gaps(line: bytes) -> None:
    subject = parser()
    name = line.partition(b":")[0]
    usual = {b"Connection": b"Connection: keep-alive", b"Host": b"Host: a"}.get(name, name + b": x")
    extra = () if name == b"Host" else (usual,)
    for _ in range(4):
        subject.parse(request(*extra, b"A: 1"))
    odd = request(b"A: 1", host=line) if name == b"Host" else request(line, b"A: 1")
    for _ in range(4):
        head = subject.parse(odd)[0]
        assert head.headers == strict(odd).headers
        assert head.form.keep_alive is (b"close" not in line)
        assert head.form.expect_continue is (name == b"Expect")


def strict(raw: bytes) -> RequestHead:
    return parser(0).parse(raw)[0]


def test_an_old_request_is_not_taken_for_a_new_one() -> None:
    subject = parser()
    for _ in range(4):
        assert subject.parse(request(b"A: 1"))[0].form.keep_alive
    for _ in range(4):
        head, _ = subject.parse(request(b"A: 1", first=b"POST /v1/x HTTP/1.0"))
        assert (head.opening.modern, head.form.keep_alive) == (False, False)


# Strictness is for what is known, too

HOSTILE = [
    b"X-Request-ID: a\r\nX-More: b", b"X-Request-ID: a\rb", b"X-Request-ID: a\nb", b"X-Request-ID: a\n\tb",
    b"X-Request-ID: \0", b"X-Request-ID: \x7f", b"X-Request-ID : a", b" X-Request-ID: a", b"X-Request-ID",
    b"X-Request-ID: a\r\n\r\nGET / HTTP/1.1",
    b"X-Request-ID: a\r\nContent-Length: 7", b"X-Request-ID: a\r\nTransfer-Encoding: chunked", b"X_Request_ID: a",
    b"X-Request-ID: a\r\nHost: b", b"Transfer-Encoding: chunked", b"X-Request-ID: \xff", b"X-Request-ID:",
    b"X-Request-ID:\t a ",
]  # fmt: skip
LENGTHS = [b"", b"+5", b"5 5", b"5, 5", b"5,5", b"1" * 19, b"0x5", b"1_0", b"-1", b"\xb2", b"\t7 ", b"007"]


def outcome(subject: HeadParser, raw: bytes) -> object:
    """Everything a caller can see of one parse."""
    try:
        head, framing = subject.parse(raw)
    except BadRequest as refused:
        return refused.status, refused.reason
    opening, form = head.opening, head.form
    said = (opening.method, opening.target, opening.path, opening.query, opening.modern)
    decided = (form.keep_alive, form.upgrade, form.expect_continue, form.connection_tokens)
    return framing, said, decided, head.headers, {name: head.get(name) for name in form.names}


@pytest.mark.parametrize("size", [b"5", *LENGTHS])
@pytest.mark.parametrize("line", HOSTILE)
def test_gaps_take_nothing_that_a_strict_parse_refuses(line: bytes, size: bytes) -> None:
    subject, odd = parser(), request(b"A: 1", line, b"B: 2", b"Content-Length: " + size)
    for number in range(5):
        subject.parse(request(b"A: 1", b"X-Request-ID: %d" % number, b"B: 2", b"Content-Length: %d" % number))
    expected = outcome(parser(0), odd)
    for _ in range(4):
        assert outcome(subject, odd) == expected
    assert subject.parse(request(b"A: 1", b"X-Request-ID: 9", b"B: 2", b"Content-Length: 9"))[1] == 9


LINES = st.sampled_from([
    b"Content-Length: 5", b"Content-Length: 61", b"content-length: 5", b"Content-length: 5", b"Content-Length:5",
    b"Content-Length: 5 ", b"Content-Length: ", b"Content-Length: 5,5", b"Content-Length: +5", b"Content_Length: 5",
    b"X-Content-Length: 5", b"X: Content-Length: 5", b" Content-Length: 5", b"Content-Length : 5",
    b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: gzip",
    b"Transfer_Encoding: chunked",
    b"Host: a", b"host: b:80", b"Host: ", b"Host: a b", b"Connection: close", b"Connection: content-length, x",
    b"Expect: 100-continue", b"X: a", b"X: b", b"X:b", b"x:b", b"X: \t a\tb \t", b"X: \xff", b"X: a\nY: b",
    b"X: a\rY: b", b"X:\0", b" fold", b"\tfold", b"", b"X", b"X y: a", b"\xe9: a",
])  # fmt: skip
FIRSTS = st.sampled_from([
    b"POST /v1/x HTTP/1.1", b"GET /?q HTTP/1.1", b"GET / HTTP/1.0", b"GET http://a/b HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"GET / HTTP/1.2", b"GET  / HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET / HTTP/1.1\nHost: a",
])  # fmt: skip
HEADS = st.builds(
    lambda first, lines: b"\r\n".join((first, *lines, b"", b"")),
    st.one_of(st.just(b"POST /v1/x HTTP/1.1"), FIRSTS),
    st.lists(LINES, max_size=5).map(lambda lines: [b"Host: a", *lines]) | st.lists(LINES, max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(HEADS, min_size=1, max_size=8), st.sampled_from([8_000, MEMORY_BYTES]))
def test_what_is_remembered_never_changes_an_answer(heads: list[bytes], memory_bytes: int) -> None:
    remembering = parser(memory_bytes)
    for raw in heads * 4:
        assert outcome(remembering, raw) == outcome(parser(0), raw)
        assert remembering.held_bytes <= max(memory_bytes, 0)


def test_framing_without_length() -> None:
    subject = parser()
    for _ in range(4):
        assert subject.parse(request())[1] == NO_BODY
        assert subject.parse(request(b"Transfer-Encoding: chunked"))[1] == CHUNKED


# Bounded in bytes


def sizes_of(*roots: object) -> int:
    """Bytes of all that is reachable, classes and functions left out."""
    seen: dict[int, object] = {}
    left = list(roots)
    while left:
        each = left.pop()
        if id(each) not in seen and not isinstance(each, type) and not callable(each):
            seen[id(each)] = each
            left += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))


def held(subject: HeadParser) -> int:
    return sizes_of(subject._openings, subject._forms, subject._once, subject._likely)


class Everything:
    def passes(self, lower: bytes) -> bool:
        return True


HEADS_OF_ALL_KINDS = {
    "never alike, as through a proxy": lambda n: proxied(
        n, b"User-Agent: x", *(b"X-%d: y" % i for i in range(15))
    ),
    "never alike in anything": lambda n: request(*(b"X-%d-%d: %d" % (n, i, n) for i in range(30))),
    "twice each": lambda n: request(*(b"X-%d-%d: %d" % (n // 3, i, n // 3) for i in range(30))),
    "of many layouts": lambda n: request(*(b"X-%d: y" % i for i in range(n // 3 % 90))),
    "of many paths": lambda n: request(b"A: 1", first=b"GET /v1/files/%d HTTP/1.1" % (n // 3)),
    "of many sizes": lambda n: request(b"A: " + b"x" * (n % 2000)),
    "long": lambda n: request(b"A: " + b"x" * 60_000, b"B: %d" % (n // 3)),
    "long request lines": lambda n: request(b"A: 1", first=b"GET /%b%d HTTP/1.1" % (b"x" * 8_000, n // 3)),
}


@pytest.mark.parametrize("kind", HEADS_OF_ALL_KINDS)
def test_what_is_held_is_bounded_whatever_comes(kind: str) -> None:
    subject, make = parser(), HEADS_OF_ALL_KINDS[kind]
    for number in range(1_500):
        head, _ = subject.parse(make(number))
        for _ in range(SIEVES_REMEMBERED + 1):
            head.form.keep(Everything())
        assert subject.held_bytes <= MEMORY_BYTES
    del head
    assert held(subject) <= subject.held_bytes + 5_000  # the empty containers


def test_long_heads_are_not_remembered() -> None:
    subject, raw = parser(), request(b"A: " + b"x" * REMEMBERED_BYTES)
    for _ in range(1_020):
        subject.parse(raw)
    assert held(subject) < 10_000


def test_other_limits_hold_for_heads_that_were_known() -> None:
    subject, raw = parser(), request(b"A: " + b"x" * 100, b"B: 1")
    for _ in range(4):
        subject.parse(raw)
    subject.configure(100, 100, MEMORY_BYTES)
    with pytest.raises(BadRequest) as refused:
        subject.parse(raw)
    assert refused.value.status == 431
    subject.configure(65_536, 2, MEMORY_BYTES)
    with pytest.raises(BadRequest):
        subject.parse(raw)


def test_a_gap_does_not_stretch_a_head_over_its_limit() -> None:
    subject = HeadParser(1_000, 100, MEMORY_BYTES)
    for number in range(4):
        subject.parse(request(b"A: %d" % number))
    with pytest.raises(BadRequest) as refused:
        subject.parse(request(b"A: " + b"x" * 1_000))
    assert refused.value.status == 431
