"""Which tap an answer gets, by its content type."""

from __future__ import annotations

from functools import lru_cache

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.usage import JsonUsageTap, NullTap, Tap


def tap_for(content_type: bytes) -> Tap:
    """`content_type`: the header's value, `b""` where it is missing. Feed it what is not compressed."""
    return _kind(content_type)()


@lru_cache(maxsize=256)
def _kind(content_type: bytes) -> type[SseUsageTap] | type[JsonUsageTap] | type[NullTap]:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == b"text/event-stream":
        return SseUsageTap
    if media_type == b"application/json" or media_type.endswith(b"+json"):
        return JsonUsageTap
    return NullTap
