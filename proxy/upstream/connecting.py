"""A connection to an upstream, with TLS where it is asked for."""

from __future__ import annotations

import socket
import ssl
import time

from proxy.errors import UpstreamFailure
from proxy.types import Layer, ResultKind
from proxy.upstream.destination import Endpoint
from proxy.upstream.dialling import OUR_OWN, Dial
from proxy.upstream.pool import Connection, ConnectionPool
from proxy.wire.link import Link
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor
from proxy.wire.tls import TlsLink, client_context

_EXHAUSTED = "this gateway has no sockets left to connect with"


class Connector:
    """Makes connections; one per worker."""

    def __init__(self, reactor: Reactor, pool: ConnectionPool, dial: Dial) -> None:
        """`pool`: where TLS sessions are remembered."""
        self._reactor = reactor
        self._pool = pool
        self._dial = dial

    async def connect(self, parking: Parking, endpoint: Endpoint, limit_s: float) -> Connection:
        """Raises UpstreamFailure, ClientGone."""
        deadline = time.monotonic() + limit_s
        try:
            sock = await self._dial(parking, endpoint, deadline)
            if not endpoint.tls:
                link = Link(self._reactor, sock, parking)
                link.readable = (
                    False  # an edge will tell: a read in vain costs more than all the rest of this
                )
                return Connection(endpoint, link)
            return Connection(endpoint, await self._secure(sock, parking, endpoint, deadline))
        except Late as late:
            raise UpstreamFailure(ResultKind.REFUSED, "connecting to the upstream took too long") from late
        except ssl.SSLError as error:
            raise UpstreamFailure(
                ResultKind.REFUSED, f"TLS with the upstream failed: {error.reason}"
            ) from error
        except OSError as error:
            if error.errno in OUR_OWN:
                raise UpstreamFailure(ResultKind.REFUSED, _EXHAUSTED, Layer.NOBODY) from error
            raise UpstreamFailure(ResultKind.REFUSED, "the upstream cannot be reached") from error

    async def _secure(
        self, sock: socket.socket, parking: Parking, endpoint: Endpoint, deadline: float
    ) -> TlsLink:
        context = client_context(endpoint.verify, endpoint.bundle)
        session = self._pool.session(endpoint)
        link = TlsLink(self._reactor, sock, parking, context, endpoint.host, session)
        established = False
        try:
            await link.handshake(deadline)
            established = True
        finally:
            if not established:
                link.close()
        return link
