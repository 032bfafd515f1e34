"""What is remembered of answers' heads changes no answer, and stays within its bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.wire.form_memory import FORMS_ALIKE
from proxy.wire.head import CHUNKED, UNTIL_CLOSE
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_parser import MEMORY_BYTES, ResponseParser
from proxy.wire.response_rules import BadResponse, parse_response_head

DROP = frozenset((b"set-cookie",))
ASKED = (b"location:", b"\r\nx-ratelimit-remaining-", b"\r\nx-none")


def parser(memory_bytes: int = MEMORY_BYTES) -> ResponseParser:
    return ResponseParser(DROP, memory_bytes)


def answer(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


def from_openai(number: int, *lines: bytes) -> bytes:
    return answer(
        b"Date: Thu, 20 Nov 2025 10:00:%02d GMT" % (number % 60),
        b"Content-Type: Application/JSON",
        b"Content-Length: %d" % number,
        b"Connection: keep-alive",
        b"openai-organization: org-1",
        b"openai-processing-ms: %d" % (number * 7 % 1000),
        b"x-ratelimit-limit-requests: 10000",
        b"x-ratelimit-remaining-requests: %d" % (10000 - number),
        b"x-request-id: req_%032x" % number,
        b"Set-Cookie: __cf_bm=%d; path=/" % number,
        b"X-Percent: 100%",
        *lines,
    )


def said(head: ResponseHead, names: set[bytes]) -> object:
    """All of it that anybody asks for."""
    return (
        (head.status, head.reason, head.framing, head.keep_alive),
        (head.lines, head.content_type, head.content_encoding, head.headers()),
        {name: head.get(name) for name in names},
        [head.mentions(text) for text in ASKED],
    )


def outcome(subject: ResponseParser | None, raw: bytes, method: bytes) -> object:
    names = {line.partition(b":")[0].lower() for line in raw.split(b"\r\n")} | {b"x-none"}
    try:
        head = parse_response_head(raw, method, DROP) if subject is None else subject.parse(raw, method)
    except BadResponse as bad:
        return bad.reason
    return said(head, names)


def forms(subject: ResponseParser) -> int:
    return sum(map(len, subject._forms.values()))


def test_answers_that_are_never_alike_are_one_form() -> None:
    subject = parser()
    for number in range(100, 300):
        raw = from_openai(number)
        assert outcome(subject, raw, b"POST") == outcome(None, raw, b"POST")
    assert forms(subject) == 1
    known = subject.parse(from_openai(301), b"POST")
    assert known._form is subject.parse(from_openai(302), b"POST")._form is not None
    assert b"Set-Cookie" not in known.lines
    assert b"Connection" not in known.lines
    assert known.get(b"set-cookie") == b"__cf_bm=301; path=/"


def test_a_head_that_repeats_is_known_from_its_third_coming_on() -> None:
    subject = parser()
    raw = answer(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
    heads = [subject.parse(raw, b"POST") for _ in range(4)]
    assert [head._form is not None for head in heads] == [False, False, True, True]
    assert {head.framing for head in heads} == {CHUNKED}
    assert all(head.lines == raw[len(b"HTTP/1.1 200 OK\r\n") : -2] for head in heads)


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Connection: x-a",
        b"Content-Encoding: gzip",
        b"Content-Type: text/event-stream",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
    ],
)
def test_lines_that_decide_are_never_gaps(line: bytes) -> None:
    subject = parser()
    name = line.partition(b":")[0]
    for number in range(4):
        subject.parse(answer(name + b": chunked", b"X-A: %d" % number), b"POST")
    for number in range(4):
        raw = answer(line, b"X-A: %d" % number)
        assert outcome(subject, raw, b"POST") == outcome(None, raw, b"POST")


def test_the_answer_to_head_has_no_body_whatever_was_learned() -> None:
    subject = parser()
    for number in range(5):
        subject.parse(answer(b"Content-Length: %d" % number, b"X-A: b"), b"POST")
    raw = answer(b"Content-Length: 77", b"X-A: b")
    assert subject.parse(raw, b"HEAD").framing == 0
    assert subject.parse(raw, b"GET").framing == 77


def test_until_close_is_not_kept_alive() -> None:
    subject = parser()
    for _ in range(4):
        head = subject.parse(answer(b"X-A: b"), b"GET")
        assert (head.framing, head.keep_alive) == (UNTIL_CLOSE, False)
    assert subject.parse(answer(b"X-A: b"), b"HEAD").keep_alive


@pytest.mark.parametrize("value", [b"1\r\nX-B: 2", b"1\nX-B: 2", b"1\r2", b"\x00", b"1\x7f"])
def test_no_line_hides_in_a_gap(value: bytes) -> None:
    subject = parser()
    for number in range(10):
        subject.parse(answer(b"X-A: %d" % number, b"Content-Length: 5"), b"POST")
    assert forms(subject) == 1
    raw = answer(b"X-A: " + value, b"Content-Length: 5")
    assert outcome(subject, raw, b"POST") == outcome(None, raw, b"POST")


@pytest.mark.parametrize("value", [b"-1", b"1x", b"", b"1, 1", b"0" * 40, b"9" * 19])
def test_a_length_is_checked_in_its_gap(value: bytes) -> None:
    subject = parser()
    for number in range(5):
        subject.parse(answer(b"Content-Length: %d" % number), b"POST")
    with pytest.raises(BadResponse):
        subject.parse(answer(b"Content-Length: " + value), b"POST")


def test_there_is_a_bound_to_what_is_remembered() -> None:
    subject = parser(60_000)
    for kind in range(300):
        for number in range(4):
            subject.parse(
                answer(*[b"X-%d-%d: a" % (kind, n) for n in range(kind % 7)], b"N: %d" % number), b"POST"
            )
            assert subject.held_bytes <= 60_000
    for kind in range(FORMS_ALIKE + 5):
        for _ in range(3):
            subject.parse(answer(b"A: %d" % kind, b"B: %d" % kind, b"C: %d" % kind), b"POST")
    assert all(len(alike) <= FORMS_ALIKE for alike in subject._forms.values())


_VALUES = st.sampled_from(
    [b"1", b"22", b"a b", b" 5", b"", b"x\r\nX-B: 1", b"\xff", b"%b", b"chunked", b"close"]
)
_NAMES = st.sampled_from(
    [
        b"Content-Length",
        b"Content-Type",
        b"Connection",
        b"Transfer-Encoding",
        b"X-A",
        b"x-a",
        b"Location",
        b"Keep-Alive",
    ]
)
_LINES = st.lists(st.tuples(_NAMES, _VALUES), max_size=4)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(_LINES, st.sampled_from([b"POST", b"HEAD"])), max_size=12),
    st.sampled_from([0, 30_000]),
)
def test_remembering_changes_no_answer(
    heads: list[tuple[list[tuple[bytes, bytes]], bytes]], memory_bytes: int
) -> None:
    subject = parser(memory_bytes)
    for lines, method in heads:
        raw = answer(*[b"%b: %b" % line for line in lines])
        for _ in range(3):
            assert outcome(subject, raw, method) == outcome(None, raw, method)
