"""Idle upstream connections: a last-in-first-out stack per endpoint, bounded, and forgetful before the peer is.

Last in, first out keeps few connections warm and lets the rest grow old; nothing here searches.
"""

from __future__ import annotations

import logging
import ssl
import sys
import time
from collections.abc import Callable

import trio

from proxy.upstream.destination import Endpoint
from proxy.wire.link import Link
from proxy.wire.tls import TlsLink

log = logging.getLogger("sluice")

REAP_EVERY_S = 5.0
"""How often idle connections that are old or closed by their peer are dropped."""
MAX_DISTRUSTED = 1024
"""Endpoints remembered for having spoken unasked; of more the oldest is forgotten, and learned again."""
TIMED_OUT = (b"HTTP/1.1 408", b"HTTP/1.0 408")
"""How some servers say goodbye to an idle connection: no answer to anybody."""


class Connection:
    """A link to an endpoint, and since when it has been idle (monotonic seconds)."""

    __slots__ = ("endpoint", "idle_since", "kept", "link", "stocked_at")

    def __init__(self, endpoint: Endpoint, link: Link) -> None:
        self.endpoint = endpoint
        self.link = link
        self.idle_since = 0.0
        self.kept = False
        """It has idled, after an exchange or ahead of its first, so its peer may have closed it meanwhile."""
        self.stocked_at = -1.0
        """When it was opened ahead of need (monotonic seconds); negative: it was not."""

    @property
    def proven(self) -> bool:
        """It has carried an exchange."""
        return self.kept and self.idle_since != self.stocked_at


def _nobody_asks(_endpoint: Endpoint) -> None: ...


class ConnectionPool:
    """Connections by endpoint. `idle_limit` per endpoint, `idle_s` below the peers' own keep-alive.

    An endpoint that ever spoke unasked is distrusted: what it says late could be taken for the next request's answer,
    so its connections carry one exchange each.
    """

    def __init__(self, idle_limit: int, idle_s: float) -> None:
        self._idle_limit = idle_limit
        self._idle_s = idle_s
        self._stacks: dict[Endpoint, list[Connection]] = {}
        self._sessions: dict[Endpoint, ssl.SSLSession] = {}
        self._distrusted: dict[Endpoint, None] = {}
        self.on_made: Callable[[Endpoint], None] = _nobody_asks
        """Told of a connection that a request had to wait for, since none was idle."""

    def take(self, endpoint: Endpoint) -> Connection | None:
        """HOT. The connection used last, if it is still good: young enough, and nothing came while it was idle."""
        stack = self._stacks.get(endpoint)
        while stack:
            connection = stack.pop()
            heard = connection.link.overhear()
            if heard is None and connection.idle_since > time.monotonic() - self._idle_s:
                return connection
            self._drop(connection, heard)
        return None

    def _drop(self, connection: Connection, heard: bytes | None) -> None:
        """`heard`: what came while it was idle. Bytes nobody asked for are as bad as a close, and worse."""
        if heard and not heard.startswith(TIMED_OUT):
            self.distrust(connection.endpoint)
        connection.link.close()

    def distrust(self, endpoint: Endpoint) -> None:
        """It sent bytes that nobody had asked for."""
        if endpoint in self._distrusted:
            return
        if len(self._distrusted) >= MAX_DISTRUSTED:
            del self._distrusted[next(iter(self._distrusted))]
        self._distrusted[endpoint] = None
        log.warning(
            "%s sent bytes that nobody asked for: its connections carry one request each now", endpoint
        )
        for connection in self._stacks.pop(endpoint, ()):
            connection.link.close()

    def give(self, connection: Connection) -> None:
        """HOT. Take back a connection whose exchange is complete."""
        link = connection.link
        stack = self._stacks.get(connection.endpoint)
        if stack is None:
            stack = self._stacks[connection.endpoint] = []
        if len(stack) >= self._idle_limit:
            return link.close()
        heard = link.overhear()
        if heard is not None or (self._distrusted and self._distrusts(connection)):
            return self._drop(connection, heard)
        link.parking = None
        connection.idle_since = time.monotonic()
        if not connection.kept:
            connection.kept = True
            self._remember_session(connection)
        stack.append(connection)
        return None

    def stock(self, connection: Connection) -> None:
        """Take one that was opened ahead of need."""
        self.give(connection)
        connection.stocked_at = connection.idle_since
        connection.link.readable = True  # whoever takes it asks the kernel whether it is there still

    def _distrusts(self, connection: Connection) -> bool:
        return connection.endpoint in self._distrusted

    def _remember_session(self, connection: Connection) -> None:
        """Once per connection: reading the session copies it, which takes as long as five requests."""
        if isinstance(connection.link, TlsLink) and (session := connection.link.session) is not None:
            self._sessions[connection.endpoint] = session

    def session(self, endpoint: Endpoint) -> ssl.SSLSession | None:
        """The newest TLS session with the endpoint."""
        return self._sessions.get(endpoint)

    def idle_at(self, endpoint: Endpoint) -> int:
        """How many wait there; those that distrust lets carry one request each are never opened ahead."""
        return len(self._stacks.get(endpoint, ())) if endpoint not in self._distrusted else sys.maxsize

    def idle(self) -> int:
        return sum(map(len, self._stacks.values()))

    async def reap(self) -> None:
        """Drop the old and the dead, until cancelled."""
        while True:
            await trio.sleep(REAP_EVERY_S)
            for stack in tuple(self._stacks.values()):  # one may be found to be distrusted
                self._reap(stack)

    def _reap(self, stack: list[Connection]) -> None:
        born_after = time.monotonic() - self._idle_s
        alive = []
        for connection in tuple(stack):
            heard = connection.link.overhear()
            if heard is None and connection.idle_since > born_after and not self._distrusts(connection):
                connection.link.readable |= not connection.proven
                alive.append(connection)
            else:
                self._drop(connection, heard)
        stack[:] = alive

    def close(self) -> None:
        for stack in self._stacks.values():
            for connection in stack:
                connection.link.close()
        self._stacks.clear()
