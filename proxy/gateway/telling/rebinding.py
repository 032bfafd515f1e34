"""A gateway without a key serves this machine only. What comes from outside comes through a browser that runs here: a
page may send what needs no preflight to any address, and have its own name lead to 127.0.0.1 (DNS rebinding).

https://fetch.spec.whatwg.org/#origin-header: a browser names the page wherever a request may change something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from proxy.errors import GatewayError
from proxy.gateway.telling.cors import ANY, origin_not_allowed
from proxy.wire.form import RequestHead

_NOBODY_ELSES = re.compile(rb"\[.*|[0-9.]*|[^.]*|.*\.localhost")
"""Addresses, names of one word and those of this machine (RFC 6761 section 6.3): no stranger has them lead here."""


class HomeGuard:
    """Who may ask a gateway that asks for no key. One per worker and configuration."""

    def __init__(self, origins: Sequence[str]) -> None:
        """`origins`: as for `Cors`. Their hosts are this gateway's names too."""
        plain = [origin.rstrip("/").lower().encode() for origin in origins]
        self._any = ANY in origins
        self._origins = frozenset(plain)
        self._hosts = frozenset(_name(_host(origin)) for origin in plain)

    def check(self, head: RequestHead) -> None:
        """HOT, without a key. Raises GatewayError 403."""
        if self._any:
            return
        host = (head.get(b"host") or b"").lower()
        name = _name(host)
        if name not in self._hosts and _NOBODY_ELSES.fullmatch(name) is None:
            raise host_not_allowed()
        origin = head.get(b"origin")
        if origin is not None and (lower := origin.lower()) not in self._origins and _host(lower) != host:
            raise origin_not_allowed()


def _host(origin: bytes) -> bytes:
    """`https://host:port` -> `host:port`"""
    return origin.partition(b"://")[2]


def _name(host: bytes) -> bytes:
    """`host:port` -> `host`; an IPv6 address keeps its bracket."""
    return host if host.startswith(b"[") else host.partition(b":")[0].rstrip(b".")


def host_not_allowed() -> GatewayError:
    message = (
        "A gateway without a master key answers to localhost, addresses and names of one word only: any page could have"
        " its own name lead here. Set a master key, or name this host in sluice_settings.cors_allow_origins."
    )
    return GatewayError(403, message, code="host_not_allowed")
