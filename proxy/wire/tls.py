"""TLS to upstreams: the same link, with its bytes encrypted between two buffers in memory, and sessions resumed.

The socket is read and written as a plain link's is, so a short read says that it is empty; OpenSSL on the socket itself
reads each record's head and body apart, and finds out that there is no more by an exception.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from proxy.wire.gone import ClientGone
from proxy.wire.link import RECV_BYTES, Link
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

SEAL_BYTES = 64 * 1024
"""Encrypted at once: what a slow socket leaves of it is held."""
MAX_CONTEXTS = 64
"""Different `ssl_verify` values in one configuration, and editions of their files; more is a mistake."""


def bundle_mark(verify: bool | str) -> str:  # noqa: FBT001 - the config's own three-way value
    """Says which edition of the trusted certificates is there now: another one after they were replaced."""
    if verify is False:
        return ""
    paths = ssl.get_default_verify_paths()
    places = (verify,) if isinstance(verify, str) else (paths.cafile, paths.capath)
    return " ".join(_mark(Path(place)) for place in places if place)


def _mark(path: Path) -> str:
    try:
        seen = path.stat()
    except OSError:
        return "-"
    return f"{seen.st_dev}:{seen.st_ino}:{seen.st_mtime_ns}:{seen.st_size}"


@lru_cache(maxsize=MAX_CONTEXTS)
def client_context(verify: bool | str, bundle: str = "") -> ssl.SSLContext:  # noqa: FBT001 - as above
    """The context for `ssl_verify`: True the system's store (SSL_CERT_FILE and SSL_CERT_DIR honoured),
    a path that CA bundle, False no check at all.

    `bundle`: its `bundle_mark` when the configuration was read. Raises OSError when the bundle cannot be read.
    """
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

    __slots__ = ("_held", "_incoming", "_outgoing", "_sealed", "_tls")

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        parking: Parking,
        context: ssl.SSLContext,
        server_name: str,
        session: ssl.SSLSession | None,
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_name, session=session
        )
        self._held: bytes | None = None
        """What `spoke` had to decrypt to know that it is there."""
        self._sealed = b""
        """Encrypted, and not taken by the socket yet."""
        super().__init__(reactor, sock, parking)

    async def handshake(self, deadline: float) -> None:
        """Raises ssl.SSLError, OSError, Late, ClientGone."""
        assert self.parking is not None
        while not self._shook_hands():
            if self.parking.gone:
                raise ClientGone
            await self.parking.park(deadline)

    def _shook_hands(self) -> bool:
        """As far as it goes without waiting."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if not (self.readable and self._take_in()):
                    return False
            except ssl.SSLError:
                self._flush()  # the alert tells the peer why
                raise
            else:
                self._flush()
                return True

    @property
    def session(self) -> ssl.SSLSession | None:
        """To be resumed by the next connection to the same origin (RFC 8446 section 2.2)."""
        return self._tls.session

    @property
    def resumed(self) -> bool:
        """The handshake went on with a session."""
        return bool(self._tls.session_reused)

    def on_event(self, mask: int) -> None:
        if self._sealed and mask & select.EPOLLOUT:
            with suppress(OSError):  # the next read will say
                self._flush()
        super().on_event(mask)

    def spoke(self) -> bool:
        if self._held is None and self.readable:
            try:
                self._held = self.recv()
            except OSError:
                return True
            if self._held is not None:
                self.readable = True
        return self._held is not None

    def overhear(self) -> bytes | None:
        return b"" if self._sealed else super().overhear()

    def recv(self, most_bytes: int = RECV_BYTES) -> bytes | None:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        # HOT: mostly the buffers are empty, and one read of the socket fills them with all that there is.
        if not (self._incoming.pending or self._tls.pending()) and not self._take_in():
            return None
        while True:
            try:
                data = self._tls.read(most_bytes)
            except ssl.SSLWantReadError:  # a part of a record, or a session ticket alone
                if not self._take_in():
                    return None
            except ssl.SSLError as error:
                # No close_notify, mostly: the end was not the peer's word.
                raise ConnectionResetError("TLS connection cut without close_notify") from error
            else:
                if self._incoming.pending or self._tls.pending():
                    self.readable = True  # no edge will tell of what was taken in already
                return data

    def _take_in(self) -> bool:
        """Read the socket. False when nothing is there. Raises OSError."""
        data = super().recv()
        if data:
            self._incoming.write(data)
        elif data is not None:
            self._incoming.write_eof()
        return data is not None

    def _put(self, data: bytes | memoryview) -> int:
        """What was encrypted counts as sent: it goes out as soon as the socket takes it. Raises OSError."""
        taken, view = 0, memoryview(data)
        while taken < len(view) and not self._sealed:
            taken += self._tls.write(view[taken : taken + SEAL_BYTES])
            self._flush()
        return taken

    def _put_pair(self, first: bytes, second: bytes) -> int:
        return self._put(first + second)

    def _flush(self) -> None:
        sealed = self._sealed + self._outgoing.read()
        sent = super()._put(sealed) if sealed else 0
        self._sealed = sealed[sent:]
