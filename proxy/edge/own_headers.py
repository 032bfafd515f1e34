"""The headers of answers that the gateway makes itself, the same through both doors."""

from __future__ import annotations

from email.utils import formatdate

from proxy.types import Headers, Reply
from proxy.wire.unheld import UNHELD

KEEP_ALIVE = b": keep-alive\n"
"""A comment, and no blank line: after an event that had an `id`, OpenAI's SDKs take that for an event without data.

https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""
NO_CONTENT = 204
"""Has no content to describe (RFC 9110 section 8.6)."""
STREAM_HEADERS: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"), *UNHELD)
"""Of a stream that begins before any upstream's has."""


def own_headers(reply: Reply, extra: Headers) -> Headers:
    """`extra`: what this one answer carries besides the reply's own. Date: RFC 9110 section 6.6.1."""
    content: Headers = (
        (b"content-type", reply.content_type.encode()),
        (b"content-length", b"%d" % len(reply.body)),
    )
    return (
        *(content if reply.status != NO_CONTENT else ()),
        (b"date", formatdate(usegmt=True).encode()),
        *reply.headers,
        *extra,
    )
