"""A stream that came in a framing of its upstream's own, as the server-sent events that it holds."""

from __future__ import annotations

from proxy.gateway.telling.ends import EVENT_STREAM
from proxy.types import Translation
from proxy.upstream.answer import Answer
from proxy.wire.aws_events import CONTENT_TYPE
from proxy.wire.header_lines import without


def unwrap(answer: Answer, translation: Translation | None) -> None:
    """Before anything of it is read."""
    head = answer.head
    if translation is None or translation.unwrap is None or not head.content_type.startswith(CONTENT_TYPE):
        return
    answer.unwrap(translation.unwrap)
    head.content_type = EVENT_STREAM
    head.lines = without(head.lines, b"content-type".__eq__) + b"Content-Type: %b\r\n" % EVENT_STREAM
