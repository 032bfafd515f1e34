"""A stream that was asked for its usage, sieved, is the stream that was not: byte for byte, however it is split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.usage_streams import KINDS, stream
from proxy.providers.usage_asked import MAX_EVENT_BYTES, UsageSieve, with_usage_asked


def sieved(*pieces: bytes) -> bytes:
    sieve = UsageSieve()
    return b"".join([*map(sieve.feed, pieces), sieve.finish()])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_split(kind: dict) -> None:
    asked, unasked = stream(asked=True, **kind), stream(asked=False, **kind)
    assert asked != unasked
    for at in range(len(asked) + 1):
        assert sieved(asked[:at], asked[at:]) == unasked, at


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_pieces(kind: dict, size: int) -> None:
    asked = stream(asked=True, **kind)
    pieces = [asked[at : at + size] for at in range(0, len(asked), size)]
    assert sieved(*pieces) == stream(asked=False, **kind)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_was_not_asked_passes(kind: dict) -> None:
    unasked = stream(asked=False, **kind)
    for at in range(0, len(unasked) + 1, 5):
        assert sieved(unasked[:at], unasked[at:]) == unasked


def test_whole_events_are_passed_on_at_once() -> None:
    asked = stream(asked=True)
    sieve = UsageSieve()
    for event in asked.split(b"\n\n")[:-3]:
        assert sieve.feed(event + b"\n\n"), "a client waits for it"


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"x":{"choices":[],"usage":{"prompt_tokens":1}}}\n\n',
        b'data: {"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"x":{"a":1,"usage":null},"y":2}\n\n',
        b'data: "usage"\n\n',
        b'data: {"usage":null\n\n',
        b'event: x\ndata: {"error":{"usage":"no"}}\n\n',
        b'data: {"choices":\ndata: [{"x":1}],"usage":null}\nid: 1\n\n',
        b"\n\n\n\n",
        b"data: [DONE]",
    ],
)
def test_what_else_speaks_of_usage_stays(event: bytes) -> None:
    for at in range(len(event) + 1):
        assert sieved(event[:at], event[at:]) == event


def test_the_null_that_goes_is_the_chunks_own() -> None:
    nested = b'data: {"x":{"a":1,"usage":null},"choices":[{}],"usage":null,"y":{"a":1,"usage":null}}\n\n'
    left = b'data: {"x":{"a":1,"usage":null},"choices":[{}],"y":{"a":1,"usage":null}}\n\n'
    assert sieved(nested) == left


def test_the_chunk_of_the_usage_goes_with_its_whole_event() -> None:
    event = b'id: 7\nevent: chunk\ndata: {"choices": [ ], "usage": {"prompt_tokens": 1}}\n\n'
    assert sieved(event + b"data: [DONE]\n\n") == b"data: [DONE]\n\n"


def test_a_chunk_over_several_lines_is_read_as_one() -> None:
    event = b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n'
    assert sieved(event) == b""


@pytest.mark.parametrize("size", [MAX_EVENT_BYTES // 3, 2 * MAX_EVENT_BYTES])
def test_an_event_too_long_to_hold_passes_and_the_next_is_sieved(size: int) -> None:
    long = b'data: {"choices":[{"x":"%b"}],"usage":null' % (b"y" * (2 * MAX_EVENT_BYTES))
    whole = long + b"}\n\n" + stream(asked=True)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    got = sieved(*pieces)
    assert got.endswith(stream(asked=False))
    assert got.startswith(long[:MAX_EVENT_BYTES])


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_it_takes_anything(noise: bytes, cuts: list[int]) -> None:
    text = noise.replace(b"usage", b"")
    edges = [0, *sorted(cuts), len(text)]
    assert sieved(*(text[start:end] for start, end in pairwise(edges) if start <= end)) == text


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (
            b'{"model":"m","stream":true}',
            b'{"stream_options":{"include_usage":true},"model":"m","stream":true}',
        ),
        (b' {"model":"m"}', b' {"stream_options":{"include_usage":true},"model":"m"}'),
        (b'{"stream_options":null,"a":1}', b'{"stream_options":{"include_usage":true},"a":1}'),
        (b'{"a":1,"stream_options":{}}', b'{"a":1,"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"include_usage":false}}', b'{"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options": {"include_obfuscation": false}}',
            b'{"stream_options": {"include_obfuscation":false,"include_usage":true}}',
        ),
        (
            b'{"messages":[{"content":"stream_options"}]}',
            b'{"stream_options":{"include_usage":true},"messages":[{"content":"stream_options"}]}',
        ),
        (b'{"stream_options":{"include_usage":true}}', None),
        (b'{"stream_options":{"include_usage": true , "x":1}}', None),
        (b'{"stream_options":"yes"}', None),
        (b'{"stream_options":[]}', None),
        (b'["stream_options"]', None),
    ],
)
def test_how_a_request_asks(body: bytes, asking: bytes | None) -> None:
    assert with_usage_asked(body) == asking
