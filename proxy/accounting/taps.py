"""Which tap an answer gets, by its content type and encoding."""

from __future__ import annotations

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.usage import JsonUsageTap, NullTap, Tap

_KINDS: dict[bytes, type[SseUsageTap] | type[JsonUsageTap]] = {
    b"application/json": JsonUsageTap,
    b"text/event-stream": SseUsageTap,
}


def tap_for(content_type: bytes, content_encoding: bytes) -> Tap:
    """Both are header values, `b""` where the header is missing."""
    if content_encoding and content_encoding.lower() != b"identity":
        return NullTap()
    kind = _KINDS.get(content_type) or _KINDS.get(content_type.partition(b";")[0].strip().lower())
    return NullTap() if kind is None else kind()
