from __future__ import annotations

import pytest

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import JsonUsageTap, NullTap


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (b"application/json", JsonUsageTap),
        (b"application/json; charset=utf-8", JsonUsageTap),
        (b"Application/JSON", JsonUsageTap),
        (b"text/event-stream", SseUsageTap),
        (b"text/event-stream; charset=utf-8", SseUsageTap),
        (b"audio/mpeg", NullTap),
        (b"text/plain", NullTap),
        (b"", NullTap),
    ],
)
def test_the_tap_follows_the_content_type(content_type: bytes, kind: type) -> None:
    assert type(tap_for(content_type)) is kind
