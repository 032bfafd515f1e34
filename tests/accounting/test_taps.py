from __future__ import annotations

import pytest

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import JsonUsageTap, NullTap


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "kind"),
    [
        (b"application/json", b"", JsonUsageTap),
        (b"application/json; charset=utf-8", b"identity", JsonUsageTap),
        (b"Application/JSON", b"", JsonUsageTap),
        (b"text/event-stream", b"", SseUsageTap),
        (b"text/event-stream; charset=utf-8", b"", SseUsageTap),
        (b"application/json", b"gzip", NullTap),
        (b"text/event-stream", b"br", NullTap),
        (b"audio/mpeg", b"", NullTap),
        (b"text/plain", b"", NullTap),
        (b"", b"", NullTap),
    ],
)
def test_the_tap_follows_the_headers(content_type: bytes, content_encoding: bytes, kind: type) -> None:
    assert type(tap_for(content_type, content_encoding)) is kind
