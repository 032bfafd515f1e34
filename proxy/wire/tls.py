"""TLS to upstreams on non-blocking `ssl` sockets: the same link, with sessions resumed.

A TLS record may hold bytes that the socket no longer shows, so a short read proves nothing here: only
`SSLWantReadError` does.
"""

from __future__ import annotations

import os
import socket
import ssl
from functools import lru_cache

from proxy.errors import ClientGone
from proxy.wire.link import RECV_BYTES, Link
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

MAX_CONTEXTS = 64
"""Different `ssl_verify` values in one configuration; more is a mistake."""


@lru_cache(maxsize=MAX_CONTEXTS)
def client_context(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001 - the config's own three-way value
    """The context for `ssl_verify`: True the system's store (SSL_CERT_FILE and SSL_CERT_DIR honoured),
    a path that CA bundle, False no check at all."""
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is True and "SSL_CERT_FILE" not in os.environ:
        _add_certifi(context)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # Set by Python before 3.11.9: an end without close_notify would look like a clean one.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])
    return context


def _add_certifi(context: ssl.SSLContext) -> None:
    """Slim containers have no system store; httpx brings certifi's along."""
    if not context.cert_store_stats()["x509_ca"]:
        import certifi  # noqa: PLC0415 - only where the system has no certificates

        context.load_verify_locations(certifi.where())


class TlsLink(Link):
    """A link whose bytes are encrypted. Call `handshake` before anything else."""

    __slots__ = ("_held", "_tls")

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        parking: Parking,
        context: ssl.SSLContext,
        server_name: str,
        session: ssl.SSLSession | None,
    ) -> None:
        sock.settimeout(0)
        self._tls = context.wrap_socket(
            sock,
            server_hostname=server_name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            session=session,
        )
        self._held: bytes | None = None
        """What `spoke` had to decrypt to know that it is there."""
        super().__init__(reactor, self._tls, parking)

    async def handshake(self, deadline: float) -> None:
        """Raises ssl.SSLError, OSError, Late, ClientGone."""
        assert self.parking is not None
        while True:
            try:
                self._tls.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if self.parking.gone:
                    raise ClientGone from None
                await self.parking.park(deadline)
            else:
                return

    @property
    def session(self) -> ssl.SSLSession | None:
        """To be resumed by the next connection to the same origin (RFC 8446 section 2.2)."""
        return self._tls.session

    def spoke(self) -> bool:
        if self._held is None and self.readable:
            try:
                self._held = self.recv()
            except OSError:
                return True
        return self._held is not None

    def recv(self, most_bytes: int = RECV_BYTES) -> bytes | None:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        try:
            return self._tls.recv(most_bytes)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self.readable = False
            return None
        except ssl.SSLError as error:
            # No close_notify, mostly: the end was not the peer's word.
            raise ConnectionResetError("TLS connection cut without close_notify") from error

    def _put(self, data: bytes | memoryview) -> int:
        try:
            return self._tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
