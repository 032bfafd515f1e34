"""Header lines that keep the proxies in front of this gateway from holding a stream back.

nginx, as it comes, collects an answer before it passes it on:
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
"""

from __future__ import annotations

from proxy.types import Headers
from proxy.wire.response_head import ResponseHead

UNHELD: Headers = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


def unheld_lines(head: ResponseHead) -> bytes:
    """Those of them that the upstream of this event stream did not send."""
    return b"".join(b"%b: %b\r\n" % line for line in UNHELD if head.get(line[0]) is None)
