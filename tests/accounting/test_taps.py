from __future__ import annotations

import pytest

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.taps import FirstBytesTap, LabelledJsonTap, tap_for
from proxy.accounting.usage import NullTap
from proxy.types import Usage


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (b"application/json", LabelledJsonTap),
        (b"application/json; charset=utf-8", LabelledJsonTap),
        (b"Application/JSON", LabelledJsonTap),
        (b"text/event-stream", SseUsageTap),
        (b"text/event-stream; charset=utf-8", SseUsageTap),
        (b"audio/mpeg", NullTap),
        (b"text/plain", FirstBytesTap),
        (b"", FirstBytesTap),
        (b"application/octet-stream", FirstBytesTap),
    ],
)
def test_the_tap_follows_the_content_type(content_type: bytes, kind: type) -> None:
    assert type(tap_for(content_type)) is kind


USAGE = b'{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}'
STREAM = b": hello\n\ndata: " + USAGE + b"\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize(
    "label", [b"", b"text/plain", b"application/octet-stream", b"application/json", b"text/html"]
)
@pytest.mark.parametrize("body", [USAGE, STREAM, b"\xef\xbb\xbf" + STREAM, b"\r\n" + STREAM])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_usage_is_read_whatever_the_label_says(label: bytes, body: bytes, step: int) -> None:
    if label == b"application/json" and not body.startswith((b"{", b":")):
        return
    tap = tap_for(label)
    for at in range(0, len(body), step):
        tap.feed(body[at : at + step])
    assert tap.result() == Usage(1, 2, 3)
    assert tap.model == "m"
    assert tap.finish_seen
    assert tap.said_by() == (tap.said_by()[0], True)
    assert tap.said_by()[0].strip() == USAGE


@pytest.mark.parametrize("label", [b"", b"text/plain", b"application/octet-stream"])
@pytest.mark.parametrize(
    "body", [b"", b"a", b"ID3" + bytes(100), b'1\n00:00:00,000 --> 00:00:01,000\n"usage": {}']
)
def test_other_bytes_are_nothing(label: bytes, body: bytes) -> None:
    tap = tap_for(label)
    tap.feed(body)
    assert (tap.result(), tap.model, tap.suspects) == (None, None, ())
