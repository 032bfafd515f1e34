"""Events known by their likeness: the client, and whoever reads along, cannot tell that they were not read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.usage_streams import KINDS, stream
from proxy.accounting.sse_usage import SseUsageTap
from proxy.gateway.telling.alike import AlikeEvents
from proxy.providers.usage_asked import UsageSieve
from proxy.wire.framing import LAST_CHUNK, ChunkedFraming, encode_chunk
from proxy.wire.link import Link
from proxy.wire.parking import Parking
from proxy.wire.pump import Pump, SievingPump
from proxy.wire.reactor import Reactor

CHAT = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}],"usage":null}\n\n'
)
OBFUSCATED = b'data: {"choices":[{"delta":{"content":"%b"}}],"usage":null,"obfuscation":"%b"}\n\n'.replace(
    b"%b", b"%b", 1
).replace(b'"obfuscation":"%b"', b'"obfuscation":"xyz"')
MESSAGE = b'event: content_block_delta\ndata: {"delta":{"type":"text_delta","text":"%b"}}\n\n'
TOOL = b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"%b"}}]}}],"usage":null}\n\n'
FORMS = (CHAT, OBFUSCATED, MESSAGE, TOOL)
ENDING = (
    b'data: {"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}\n\n',
    b"data: [DONE]\n\n",
)
TRAPS = (
    b'x"},"usage":{"prompt_tokens":1},"y":{"z":"',
    b'x"}}]}\n\ndata: {"error":{"message":"no',
    b"x\n\ndata: y",
    b"x\rdata: z",
    b'say \\"error\\" twice',
    b'error"',
    b"usage",
    b"\\",
    b"\xc3\xa9",
)
ENDS_WITHIN = (b"x\n\ndata: [DONE]\n\ndata: y", b"x\rdata: [DONE]")
"""No JSON, and an end for those who read lines. Only at the end of a read it is looked for."""


@pytest.fixture(scope="module", name="links")
def links_of_one_request() -> Iterator[tuple[Link, Link]]:
    reactor = Reactor()
    parking = Parking(reactor)
    ends, peers = zip(socket.socketpair(), socket.socketpair(), strict=True)
    source, sink = (Link(reactor, end, parking) for end in ends)
    yield source, sink
    for peer in peers:
        peer.close()
    source.close()
    sink.close()


class Passed:
    """A stream, in reads as they are given, through a pump that sends nothing."""

    def __init__(self, links: tuple[Link, Link], reads: list[bytes], *, alike: bool, asked: bool) -> None:
        source, sink = links
        tap, sieve = SseUsageTap(), UsageSieve()
        if asked:
            pump: Pump = SievingPump(source, sink, ChunkedFraming(), tap, 5, 5, 1e9, sieve)
        else:
            pump = Pump(source, sink, ChunkedFraming(), tap, 5, 5)
        if alike:
            pump.know(AlikeEvents(tap, sieve if asked else None))
        bodies = [pump._measure(read) for read in reads]
        self.broken = None in bodies
        pieces: list[bytes] = []
        ChunkedFraming().feed(b"".join(body for body in bodies if body is not None), pieces)
        self.payload = b"".join(pieces)
        self.moved = pump.moved_bytes if not asked else len(self.payload)
        self.leftover, self.last = pump.leftover, pump.last[-4:]
        self.read = (tap.result(), tap.model, tap.finish_seen, tap.suspects, tap.content_unix_s is None)


def same(links: tuple[Link, Link], reads: list[bytes], *, asked: bool) -> Passed:
    one, other = (Passed(links, reads, alike=alike, asked=asked) for alike in (False, True))
    if one.broken:  # of what does not go out, more or less may have been read
        other.read = one.read
    assert vars(other) == vars(one)
    return other


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """In reads: cut between chunks, or anywhere."""
    texts = st.one_of(st.text("ab \u00e9", max_size=6).map(str.encode), st.sampled_from(TRAPS))
    events = [
        form.replace(b"%b", draw(texts))
        for form in draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=3))
        for _ in range(draw(st.integers(1, 6)))
    ]
    chunks = [encode_chunk(event) for event in (*events, *draw(st.sampled_from(((), ENDING))))]
    data = b"".join(chunks) + draw(st.sampled_from((b"", LAST_CHUNK, LAST_CHUNK + b"more", b"zz\r\n")))
    if draw(st.booleans()):
        edges = [0, *sorted(draw(st.lists(st.integers(0, len(data)), max_size=6))), len(data)]
    else:
        ends = [sum(map(len, chunks[:number])) for number in range(len(chunks) + 1)]
        edges = [0, *[end for end in ends if draw(st.booleans())], len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@given(reads=streams(), asked=st.booleans())
@example(reads=[encode_chunk(CHAT % trap) for trap in (b"a", b"b", *TRAPS, *ENDS_WITHIN)], asked=True)
@example(reads=[b"".join(encode_chunk(CHAT % trap) for trap in (b"a", b"b", b"c", *TRAPS))], asked=True)
def test_nobody_can_tell(links: tuple[Link, Link], reads: list[bytes], asked: bool) -> None:
    same(links, reads, asked=asked)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_streams_of_all_kinds(links: tuple[Link, Link], kind: dict, at_once: int) -> None:
    events = [event + b"\n\n" for event in stream(asked=True, **kind).split(b"\n\n") if event]
    chunks = [*map(encode_chunk, events), LAST_CHUNK]
    reads = [b"".join(chunks[at : at + at_once]) for at in range(0, len(chunks), at_once)]
    got = same(links, reads, asked=True)
    if not kind:
        assert got.payload == stream(asked=False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("at_once", [1, 3, 20])
def test_what_is_alike_is_not_read(form: bytes, at_once: int) -> None:
    tap, sieve = SseUsageTap(), UsageSieve()
    alike = AlikeEvents(tap, sieve)
    texts = (b"one", b"two", b"", b"three, four", b"\\n") * 5
    first, *others = (encode_chunk(form % text) for text in texts)
    event = first[first.find(b"\n") + 1 : -2]
    for _ in range(4):  # Azure's first event names no model
        tap.feed(event)
        sieve.feed(event)
    assert alike.pass_on(first) == b""
    assert alike.taken == 0
    alike.look(first)
    data = b"".join(others[:at_once])
    left = alike.pass_on(data)
    assert alike.taken == len(data)
    pieces: list[bytes] = []
    ChunkedFraming().feed(left, pieces)
    read: list[bytes] = []
    ChunkedFraming().feed(data, read)
    assert b"".join(pieces) == b"".join(read).replace(b',"usage":null', b"")
