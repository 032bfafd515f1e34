"""AWS's event streams, with messages of the published suite (awslabs/aws-c-event-stream, botocore)."""

from __future__ import annotations

from binascii import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.aws_frames import frame
from proxy.wire.aws_events import MAX_MESSAGE_BYTES, AwsEvents, AwsMessage
from proxy.wire.framing import BadFraming

EMPTY = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff"
NO_HEADERS = b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96"
ONE_STRING = (
    b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json"
    b"{'foo':'bar'}\x8d\x9c\x08\xb1"
)
INT8 = b"\x00\x00\x00\x17\x00\x00\x00\x07)\x86\x01X\x04byte\x02\xff\xc2\xf8i\xdc"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EMPTY, ({}, b"")),
        (NO_HEADERS, ({}, b"{'foo':'bar'}")),
        (ONE_STRING, ({"content-type": "application/json"}, b"{'foo':'bar'}")),
        (INT8, ({}, b"")),
    ],
)
def test_published_messages(text: bytes, message: AwsMessage) -> None:
    events = AwsEvents()
    assert events.feed(text) == [message]
    assert not events.torn


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(
    st.lists(st.tuples(st.dictionaries(words, words, max_size=3), st.binary(max_size=60)), max_size=4),
    st.data(),
)
def test_in_any_split(messages: list[AwsMessage], data: st.DataObject) -> None:
    text = b"".join(frame(headers, payload) for headers, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    events, found = AwsEvents(), []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found += events.feed(text[start:end])
    assert found == messages
    assert not events.torn


def test_byte_by_byte() -> None:
    events, text = AwsEvents(), ONE_STRING + NO_HEADERS
    found = [message for at in range(len(text)) for message in events.feed(text[at : at + 1])]
    assert [payload for _, payload in found] == [b"{'foo':'bar'}"] * 2


@pytest.mark.parametrize("at", range(len(ONE_STRING)))
def test_no_flipped_bit_passes(at: int) -> None:
    text = bytearray(ONE_STRING)
    text[at] ^= 1
    events = AwsEvents()
    with pytest.raises(BadFraming):
        events.feed(bytes(text))


def prelude(size: int, headers: int) -> bytes:
    both = size.to_bytes(4, "big") + headers.to_bytes(4, "big")
    return both + crc32(both).to_bytes(4, "big")


@pytest.mark.parametrize(
    "text", [prelude(MAX_MESSAGE_BYTES + 1, 0), prelude(15, 0), prelude(20, 5), prelude(0, 0)]
)
def test_lengths_that_no_message_has(text: bytes) -> None:
    with pytest.raises(BadFraming):
        AwsEvents().feed(text)


@pytest.mark.parametrize(
    "headers",
    [b"\x05ab", b"\x01a", b"\x01a\x07\x00", b"\x01a\x07\x00\x05abc", b"\x01a\x0a", b"\x01a\x05\x00", b"\xff"],
)
def test_headers_that_are_torn(headers: bytes) -> None:
    body = prelude(12 + len(headers) + 4, len(headers)) + headers
    with pytest.raises(BadFraming):
        AwsEvents().feed(body + crc32(body).to_bytes(4, "big"))
