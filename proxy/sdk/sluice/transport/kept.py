"""The library's own clients: one for each way of checking certificates; of asynchronous ones, for each event loop.

Connections are kept in them between calls. `trust_env`: proxies and certificates by the usual variables (HTTPS_PROXY,
NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel
import httpx

LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60.0)
"""As openai's package has them, but for how long a connection waits to be used again, in seconds."""
_clients: dict[bool | str, httpx.Client] = {}


def client(verify: bool | str) -> httpx.Client:  # noqa: FBT001 - httpx's own
    found = _clients.get(verify)
    if found is None:
        found = _clients.setdefault(verify, httpx.Client(verify=_trust(verify), limits=LIMITS, timeout=None))  # noqa: S113 - each request has its own
    return found


class _Loops:
    """What one event loop has. The generator is closed with the loop, and its clients with it."""

    def __init__(self) -> None:
        self.clients: dict[bool | str, httpx.AsyncClient] = {}
        self.until_the_end = _closing(self.clients)


async def _closing(clients: dict[bool | str, httpx.AsyncClient]) -> AsyncGenerator[None, None]:
    """Both event loops close generators that are left, before they end."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            for each in clients.values():
                await each.aclose()


_loops: anyio.lowlevel.RunVar[_Loops] = anyio.lowlevel.RunVar("sluice's clients")


async def async_client(verify: bool | str) -> httpx.AsyncClient:  # noqa: FBT001
    loop = _loops.get(None)
    if loop is None:
        loop = _Loops()
        _loops.set(loop)
        await loop.until_the_end.__anext__()
    found = loop.clients.get(verify)
    if found is None:
        made = httpx.AsyncClient(verify=_trust(verify), limits=LIMITS, timeout=None)  # noqa: S113 - each request has its own
        found = loop.clients.setdefault(verify, made)
    return found


def _trust(verify: bool | str) -> bool | ssl.SSLContext:  # noqa: FBT001
    if isinstance(verify, bool):
        return verify
    folder = os.path.isdir(verify)  # noqa: PTH112
    return ssl.create_default_context(capath=verify if folder else None, cafile=None if folder else verify)


def close() -> None:
    """Closes the kept connections of threads; the next call opens others."""
    while _clients:
        _clients.popitem()[1].close()


os.register_at_fork(after_in_child=_clients.clear)
