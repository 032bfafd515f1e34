from __future__ import annotations

import itertools
from collections.abc import Callable

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.wire.framing import (
    LAST_CHUNK,
    BadFraming,
    ChunkedFraming,
    CloseFraming,
    Framing,
    LengthFraming,
    encode_chunk,
    framing_of,
)
from proxy.wire.head import CHUNKED, NO_BODY, UNTIL_CLOSE

# Content-length


def test_length_counts_to_its_end() -> None:
    framing = LengthFraming(5)
    into: list[bytes] = []
    assert (framing.feed(b"abc", into), framing.done) == (3, False)
    assert (framing.feed(b"defg", into), framing.done) == (2, True)
    assert (framing.feed(b"next", into), framing.done) == (0, True)
    assert into == [b"abc", b"de"]


def test_length_passes_whole_reads_on_without_copying() -> None:
    data = b"x" * 1000
    into: list[bytes] = []
    LengthFraming(2000).feed(data, into)
    assert into[0] is data


def test_length_truncated_or_whole() -> None:
    framing = LengthFraming(2)
    framing.feed(b"a")
    assert not framing.at_eof()
    framing.feed(b"b")
    assert framing.at_eof()


def test_a_length_of_nothing_is_done_at_once() -> None:
    assert LengthFraming(0).done
    assert LengthFraming(0).feed(b"next") == 0


# Until close


def test_close_takes_everything_and_may_end_anywhere() -> None:
    framing = CloseFraming()
    into: list[bytes] = []
    assert framing.at_eof()
    assert (framing.feed(b"abc", into), framing.feed(b"", into)) == (3, 0)
    assert into == [b"abc"]
    assert framing.at_eof()
    assert not framing.done


@pytest.mark.parametrize(
    ("n", "kind", "done"),
    [
        (7, LengthFraming, False),
        (0, LengthFraming, True),
        (NO_BODY, LengthFraming, True),
        (CHUNKED, ChunkedFraming, False),
        (UNTIL_CLOSE, CloseFraming, False),
    ],
)
def test_framing_of_a_head(n: int, kind: type[object], done: bool) -> None:
    framing = framing_of(n)
    assert isinstance(framing, kind)
    assert framing.done is done


# Chunked


def payload_of(pieces: list[bytes], framing: Framing | None = None) -> bytes | None:
    """The payload of a whole message in these pieces; None: refused, not ended, or ended early."""
    framing = framing or ChunkedFraming()
    into: list[bytes] = []
    try:
        taken = [framing.feed(piece, into) for piece in pieces]
    except BadFraming:
        return None
    whole = framing.done and framing.at_eof() and sum(taken) == sum(map(len, pieces))
    return b"".join(into) if whole else None


def feed_all(framing: Framing, pieces: list[bytes]) -> None:
    for piece in pieces:
        framing.feed(piece)


def split_everywhere(data: bytes) -> list[list[bytes]]:
    """In one piece, in two for each place, and byte by byte."""
    halves = [[data[:i], data[i:]] for i in range(len(data) + 1)]
    return [[data], *halves, [data[i : i + 1] for i in range(len(data))]]


GOOD = {
    "nothing": (b"0\r\n\r\n", b""),
    "one chunk": (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    "two chunks": (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
    "either case of digits": (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    "payload that looks like framing": (b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"\r\n0\r\n\r\n"),
    "larger than the table of sizes": (b"1000\r\n%b\r\n0\r\n\r\n" % (b"x" * 4096), b"x" * 4096),
    "sixteen digits": (b"0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n", b"abc"),
    "extensions": (b'3;a;b=c;d="e;\\"\t\xff"\r\nabc\r\n0;z\r\n\r\n', b"abc"),
    "trailers": (b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"abc"),
}


@pytest.mark.parametrize(("data", "payload"), GOOD.values(), ids=GOOD.keys())
def test_chunked_payload_at_any_split(data: bytes, payload: bytes) -> None:
    pieces = split_everywhere(data) if len(data) < 100 else [[data], [data[:50], data[50:]]]
    assert [payload_of(p) for p in pieces] == [payload] * len(pieces)


@pytest.mark.parametrize(("data", "payload"), GOOD.values(), ids=GOOD.keys())
def test_chunked_ends_where_the_message_ends(data: bytes, payload: bytes) -> None:
    for cut in (0, 1, len(data) - 1, len(data)):
        framing = ChunkedFraming()
        assert framing.feed(data[:cut]) == cut
        assert framing.at_eof() is (cut == len(data))
        assert framing.feed(data[cut:] + b"HTTP/1.1 200 OK") == len(data) - cut
        assert framing.done
        assert framing.feed(b"more") == 0


BAD = {
    "no size": b"\r\nabc\r\n",
    "not hexadecimal": b"g\r\n",
    "0x": b"0x3\r\nabc\r\n",
    "sign": b"+3\r\nabc\r\n",
    "negative": b"-3\r\nabc\r\n",
    "underscore": b"0_3\r\nabc\r\n",
    "blank before": b" 3\r\nabc\r\n",
    "blank behind": b"3 \r\nabc\r\n",
    "17 digits": b"00000000000000003\r\nabc\r\n",
    "bare LF behind the size": b"3\nabc\r\n",
    "bare LF behind the size, CRLF later": b"3\nab\r\n",
    "bare CR behind the size": b"3\rabc\r\n",
    "CR CR LF": b"3\r\r\nabc\r\n",
    "payload too long": b"3\r\nabcd\r\n",
    "payload too short": b"3\r\nab\r\n0\r\n\r\n",
    "bare LF behind the payload": b"3\r\nabc\n0\r\n\r\n",
    "CR and something behind the payload": b"3\r\nabc\rX",
    "bare LF in an extension": b"3;a\nb\r\nabc\r\n",
    "bare CR in an extension": b"3;a\rb\r\nabc\r\n",
    "control in an extension": b"3;a=\0\r\nabc\r\n",
    "nameless extension": b"3;\r\nabc\r\n",
    "quote that does not end": b'3;a="b\r\nabc\r\n',
    "trailer without colon": b"0\r\nX\r\n\r\n",
    "trailer with a folded line": b"0\r\nX: a\r\n b\r\n\r\n",
    "trailer with bare LF": b"0\r\nX: a\nY: b\r\n\r\n",
    "trailer with NUL": b"0\r\nX: \0\r\n\r\n",
    "trailer content-length": b"0\r\ncontent-Length: 5\r\n\r\n",
    "trailer transfer-encoding": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "last chunk with bare LF": b"0\n\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_chunks_are_refused_at_any_split(data: bytes) -> None:
    for pieces in split_everywhere(data):
        with pytest.raises(BadFraming):
            feed_all(ChunkedFraming(), pieces)


def test_an_unfinished_size_is_not_looked_up() -> None:
    """`find` gives -1 for `6\\r`; taken as an index, that points into the chunks before."""
    framing = ChunkedFraming()
    assert framing.feed(b"1\r\nx\r\n1\r\ny\r\n6\r") == 14
    assert payload_of([b"\nabcdef\r\n0\r\n\r\n"], framing) == b"abcdef"


LIMIT_BYTES = 64


def limited() -> ChunkedFraming:
    return ChunkedFraming(max_line=LIMIT_BYTES, max_extras=2 * LIMIT_BYTES)


@pytest.mark.parametrize("start", [b"", b"0\r\n"], ids=["size line", "trailer"])
@pytest.mark.parametrize("read_bytes", [1, 8, 1000])
def test_a_line_that_does_not_end_is_cut_at_the_limit(start: bytes, read_bytes: int) -> None:
    framing = limited()
    framing.feed(start)
    below = [b"1" * read_bytes] * ((LIMIT_BYTES - 1) // read_bytes)
    feed_all(framing, below)
    with pytest.raises(BadFraming, match="longer than 64 bytes"):
        framing.feed(b"1" * read_bytes)


@pytest.mark.parametrize(
    "flood", [b"1;abc\r\nx\r\n" * 1000, b"0\r\n" + b"X: a\r\n" * 1000], ids=["extensions", "trailers"]
)
def test_extras_of_a_message_are_bounded(flood: bytes) -> None:
    for pieces in ([flood], [flood[i : i + 1] for i in range(len(flood))]):
        with pytest.raises(BadFraming, match="too many bytes"):
            feed_all(limited(), pieces)


def test_the_longest_line_allowed() -> None:
    assert payload_of([b"3;" + b"a" * (LIMIT_BYTES - 4) + b"\r\nabc\r\n0\r\n\r\n"], limited()) == b"abc"


def test_a_size_that_never_comes_is_only_counted() -> None:
    framing = ChunkedFraming()
    assert framing.feed(b"ffffffffffffffff\r\n" + b"x" * 1000) == 1018
    assert not framing.at_eof()


# Writing chunks


def test_encoded_chunks_are_read_back() -> None:
    assert payload_of([encode_chunk(b"abc"), encode_chunk(b"x" * 5000), LAST_CHUNK]) == b"abc" + b"x" * 5000


def test_no_data_is_no_chunk() -> None:
    assert encode_chunk(b"") == b""


# Properties, and other parsers

EXTENSIONS = st.sampled_from([b"", b"", b"", b";a", b';a="b"'])
CHUNKS = st.builds(
    lambda data, extension, form: form % len(data) + extension + b"\r\n" + data + b"\r\n",
    st.binary(min_size=1, max_size=40) | st.integers(4090, 4100).map(lambda size: b"x" * size),
    EXTENSIONS,
    st.sampled_from([b"%x", b"%x", b"%X", b"%04x"]),
)
TRAILERS = st.lists(st.sampled_from([b"X: a\r\n", b"y:\r\n"]), max_size=2).map(b"".join)
BODIES = st.builds(
    lambda chunks, trailers: b"".join(chunks) + b"0\r\n" + trailers + b"\r\n", st.lists(CHUNKS), TRAILERS
)
PARTS = [
    b"1\r\n",
    b"TE: a\r\n",
    b"Content-Length: 1\r\n",
    b"2;a\r\n",
    b"x",
    b"\r\n",
    b"0\r\n",
    b"\n",
    b"\r",
    b"X: a\r\n",
    b" ",
    b"0\r\n\r\n",
]
NEARLY = st.lists(st.sampled_from(PARTS), max_size=9).map(b"".join)
BYTES = st.text(alphabet="013aA;x=\r\n g", max_size=24).map(str.encode)
ANYTHING = BODIES | NEARLY | BYTES


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@settings(max_examples=200, deadline=None)
@given(ANYTHING, st.lists(st.integers(0, 10_000), max_size=6))
def test_splitting_changes_nothing(data: bytes, places: list[int]) -> None:
    assert payload_of(cut(data, places)) == payload_of([data])


def h11_payload(data: bytes) -> bytes | None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    payload = []
    try:
        server.next_event()
        while type(event := server.next_event()) is h11.Data:
            payload.append(event.data)
    except h11.RemoteProtocolError:
        return None
    whole = type(event) is h11.EndOfMessage and server.trailing_data[0] == b""
    return b"".join(payload) if whole else None


class HttptoolsBody:
    def __init__(self) -> None:
        self.payload = b""
        self.done = False

    def on_body(self, body: bytes) -> None:
        self.payload += body

    def on_message_complete(self) -> None:
        self.done = True


def httptools_payload(data: bytes) -> bytes | None:
    body = HttptoolsBody()
    parser = httptools.HttpRequestParser(body)
    try:
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    except httptools.HttpParserError:
        return None
    return body.payload if body.done else None


@pytest.mark.parametrize("oracle", [h11_payload, httptools_payload])
@settings(max_examples=200, deadline=None)
@example(b"3;a=b\r\nabc\r\n0\r\nX: a\r\n\r\n")
@given(ANYTHING)
def test_others_read_what_is_accepted_in_the_same_way(
    oracle: Callable[[bytes], bytes | None], data: bytes
) -> None:
    payload = payload_of([data])
    if payload is not None:
        assert oracle(data) == payload
