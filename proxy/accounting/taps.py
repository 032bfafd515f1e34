"""Which tap an answer gets, by its content type, or by its first bytes where that does not say enough."""

from __future__ import annotations

from functools import lru_cache

from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.usage import JsonUsageTap, NullTap, UsageTap
from proxy.types import Usage

_STREAM_BEGINS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation"""
_LOOK_BYTES = 16
_BLANK = b"\xef\xbb\xbf \t\r\n"


class FirstBytesTap:
    """For an answer whose label says nothing of what is in it: its own first bytes choose the tap."""

    __slots__ = ("_chosen", "_start", "finish_seen", "model")

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = True
        """Whether it was a whole stream is nobody's promise."""
        self._start = b""
        self._chosen: UsageTap | None = None

    def feed(self, payload: bytes) -> None:
        if self._chosen is None:
            self._start += payload
            if len(self._start.lstrip(_BLANK)) < _LOOK_BYTES:
                self._start = self._start.lstrip(_BLANK)
                return
            payload, self._start = self._start, b""
            self._chosen = _by_first_bytes(payload)
        self._chosen.feed(payload)

    def result(self) -> Usage | None:
        if self._chosen is None:
            self._chosen = _by_first_bytes(self._start)
            self._chosen.feed(self._start)
        usage = self._chosen.result()
        self.model = self._chosen.model
        return usage

    def said_by(self) -> tuple[bytes, bool]:
        return (b"", False) if self._chosen is None else self._chosen.said_by()

    @property
    def suspects(self) -> tuple[bytes, ...]:
        return () if self._chosen is None else self._chosen.suspects


def _by_first_bytes(start: bytes) -> UsageTap:
    start = start.lstrip(_BLANK)
    if start.startswith(_STREAM_BEGINS):
        return SseUsageTap()
    return JsonUsageTap() if start.startswith(b"{") else NullTap()


class LabelledJsonTap(JsonUsageTap):
    """For an answer that says it is JSON, and may be a stream of events all the same."""

    __slots__ = ("_stream",)

    _stream: SseUsageTap | None
    """Set by `result`."""

    def result(self) -> Usage | None:
        """HOT: without `super`, which costs as much as the rest."""
        self._stream = None
        usage = JsonUsageTap.result(self)
        if usage is not None or self._tail is not None or not self._text().startswith(_STREAM_BEGINS):
            return usage
        self._stream = SseUsageTap()
        self._stream.feed(self._text())
        usage, self.model = self._stream.result(), self._stream.model
        return usage

    def said_by(self) -> tuple[bytes, bool]:
        return super().said_by() if self._stream is None else self._stream.said_by()


_Kind = type[SseUsageTap] | type[JsonUsageTap] | type[NullTap] | type[FirstBytesTap]


def tap_for(content_type: bytes) -> UsageTap:
    """`content_type`: the header's value, `b""` where it is missing. Feed it what is not compressed."""
    return _kind(content_type)()


_UNSAID = frozenset(
    (b"", b"text/plain", b"application/octet-stream", b"text/html", b"application/stream+json")
)


@lru_cache(maxsize=256)
def _kind(content_type: bytes) -> _Kind:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == b"text/event-stream":
        return SseUsageTap
    if media_type in _UNSAID:
        return FirstBytesTap
    if media_type == b"application/json" or media_type.endswith(b"+json"):
        return LabelledJsonTap
    return NullTap
