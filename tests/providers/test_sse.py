from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamFailure
from proxy.providers.sse import SseReader
from proxy.types import ResultKind


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"data: a\n\n", [b"a"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b"data\n\n", [b""]),
        (b"data:\ndata:\n\n", [b"\n"]),
        (b": ping\n\n\n\n", []),
        (b"event: x\nid: 1\nretry: 5\n\n", []),
        (b": c\nevent: x\ndata: a\nid: 1\n\n", [b"a"]),
        (b"datax: a\n data: b\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b"data: a\n", []),
        (b"data: a", []),
        ("data: {é: ü}\u2028x\n\n".encode(), ["{é: ü}\u2028x".encode()]),
        (b"data: a\x00b\x0b\x0c\n\n", [b"a\x00b\x0b\x0c"]),
    ],
)
def test_events(stream: bytes, expected: list[bytes]) -> None:
    assert SseReader().feed(stream) == expected
    by_byte = SseReader()
    assert [event for at in range(len(stream)) for event in by_byte.feed(stream[at : at + 1])] == expected


def test_an_event_is_out_with_the_byte_that_ends_it() -> None:
    reader = SseReader()
    assert reader.feed(b"data: a\r\n") == []
    assert reader.feed(b"\r") == [b"a"]
    assert reader.feed(b"\n") == []
    assert reader.feed(b"data: b\n\n") == [b"b"]


PIECES = st.sampled_from(
    [b"data: x", b"data:", b"data", b": c", b"event: e", b"\n", b"\r", b"\r\n", b"\n\n", b""]
)


@given(st.lists(PIECES, max_size=24).map(b"".join), st.lists(st.integers(0, 120), max_size=8))
def test_any_split_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = SseReader()
    found = [event for start, end in pairwise(edges) for event in reader.feed(stream[start:end])]
    assert found == SseReader().feed(stream)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", None),
        (b"data: a\n\n", None),
        (b"data: [DONE]", b"[DONE]"),
        (b"data: [DONE]\n", b"[DONE]"),
        (b"data: a\ndata: b", b"a\nb"),
        (b": comment", None),
    ],
)
def test_finish_gives_what_lacked_its_blank_line(stream: bytes, expected: bytes | None) -> None:
    reader = SseReader()
    reader.feed(stream)
    assert reader.finish() == expected


LIMIT_BYTES = 10


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: 0123456789a\n\n"],
        [b"data: ", b"0123456789a"],
        [b"data: 01234\n", b"data: 56789\n"],
        [b"data\n"] * (LIMIT_BYTES + 1),
        [b": a long comment"],
    ],
)
def test_an_event_is_bounded(chunks: list[bytes]) -> None:
    *first, last = chunks
    reader = SseReader(LIMIT_BYTES)
    assert [event for chunk in first for event in reader.feed(chunk)] == []
    with pytest.raises(UpstreamFailure) as caught:
        reader.feed(last)
    assert caught.value.kind is ResultKind.BROKEN


def test_the_limit_is_per_event() -> None:
    reader = SseReader(LIMIT_BYTES)
    for _ in range(100):
        assert reader.feed(b"data: 01") == []
        assert reader.feed(b"23\n\n") == [b"0123"]
