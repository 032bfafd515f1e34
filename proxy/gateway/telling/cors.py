"""Which browser pages may call this gateway, and what their browsers are told: the Fetch standard's CORS protocol.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.errors import GatewayError
from proxy.types import Headers, Reply
from proxy.wire.form import RequestHead

ANY = "*"
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
PREFLIGHT_MAX_AGE_S = 7200
"""As long as Chromium remembers one at most."""
EXPOSED = (
    b"*, content-disposition, openai-organization, openai-processing-ms, openai-version, retry-after, retry-after-ms,"
    b" x-request-id, x-should-retry, x-ratelimit-limit-requests, x-ratelimit-limit-tokens,"
    b" x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests,"
    b" x-ratelimit-reset-tokens, x-litellm-attempted-fallbacks, x-litellm-attempted-retries, x-litellm-call-id,"
    b" x-litellm-model-group, x-litellm-model-id, x-litellm-overhead-duration-ms"
)
"""By name too, for browsers that do not know the `*`."""
PREFIX = b"access-control-"
VARY = b"Vary: Origin\r\n"


class Cors:
    """The origins that an operator allows. One per worker and configuration."""

    def __init__(self, origins: Sequence[str]) -> None:
        """`origins`: `https://host[:port]`, or `*` for all; none: no page may call."""
        self._any = ANY in origins
        self._origins = frozenset(origin.rstrip("/").lower().encode() for origin in origins)

    def lines(self, origin: bytes) -> bytes:
        """What every answer to a page of this origin carries, never empty."""
        if self._any:
            return b"%bAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: %b\r\n" % (
                VARY,
                EXPOSED,
            )
        if not self._allows(origin):
            return VARY
        return b"%bAccess-Control-Allow-Origin: %b\r\nAccess-Control-Expose-Headers: %b\r\n" % (
            VARY,
            origin,
            EXPOSED,
        )

    def preflight(self, head: RequestHead, origin: bytes) -> Reply:
        """Whether this page may send what it is about to. Raises GatewayError 403."""
        if not self._allows(origin):
            raise origin_not_allowed()
        asked: Headers = ()
        names = head.get(b"access-control-request-headers")
        if names:
            # What SDKs send changes with every release (x-stainless-*): what is asked for is allowed.
            asked = ((b"access-control-allow-headers", names),)
        return Reply(
            204,
            headers=(
                (b"access-control-allow-methods", METHODS),
                *asked,
                (b"access-control-max-age", b"%d" % PREFLIGHT_MAX_AGE_S),
            ),
        )

    def _allows(self, origin: bytes) -> bool:
        return self._any or origin.lower() in self._origins


CLOSED = Cors(())


def is_preflight(head: RequestHead) -> bool:
    """https://fetch.spec.whatwg.org/#cors-preflight-request"""
    return head.method == b"OPTIONS" and head.get(b"access-control-request-method") is not None


def origin_not_allowed() -> GatewayError:
    message = (
        "Pages of this origin may not call this gateway."
        " Its operator allows origins by sluice_settings.cors_allow_origins."
    )
    return GatewayError(403, message, code="origin_not_allowed")


def is_cors(name_lower: bytes) -> bool:
    """What an upstream allows is for pages that call it, not for those that call this gateway."""
    return name_lower.startswith(PREFIX)
