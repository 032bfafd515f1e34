"""Who asks: a key from the request's headers, compared in constant time, kept only as a hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import TypeAlias

from proxy.access.callers import barred
from proxy.access.directory import Directory
from proxy.access.identity import Caller
from proxy.credentials import KEY_HEADERS
from proxy.errors import GatewayError, unauthorized
from proxy.types import Secret

GetHeader: TypeAlias = Callable[[bytes], bytes | None]
"""Lower-case name -> first value."""

_BEARER = b"bearer "
_same = hmac.compare_digest
DIGESTS_REMEMBERED = 4096
"""Of keys as they were sent and accepted: strangers add none. Emptied when full."""
DIGESTED_BYTES = 512
"""The longest key whose digest is remembered."""


class UnknownKey(GatewayError):  # noqa: N818 - the word of the domain
    """401. Another process may have made the key a moment ago."""

    def __init__(self, digest: bytes) -> None:
        error = unauthorized("Incorrect API key provided. This is the gateway's key, not an upstream's.")
        super().__init__(error.status, error.message, kind=error.kind, code=error.code, headers=error.headers)
        self.digest = digest


class Keys:
    """The keys this gateway accepts. Without a master key it serves loopback only, and asks for none."""

    def __init__(
        self, master_key: Secret | None, header: bytes | None = None, directory: Directory | None = None
    ) -> None:
        """`header`: the one header to look at, lower-case, instead of KEY_HEADERS."""
        self._digest = _digest(master_key.reveal().encode()) if master_key else None
        self._headers = (header,) if header else KEY_HEADERS
        self._place = f"`{header.decode()}`" if header else "Authorization"
        self._master = Caller("master", self._digest or b"", owner=self._digest or b"", admin=True)
        self.directory = Directory() if directory is None else directory
        self._digests: dict[bytes, bytes] = {}

    @property
    def required(self) -> bool:
        return self._digest is not None

    def who(self, get: GetHeader, now: float) -> Caller:
        """HOT. Asked for every request, so that a key's end is the end. `now`: Unix seconds.

        Raises GatewayError 401: missing, unknown, expired, blocked.
        """
        sent: bytes | None = None
        for name in self._headers:
            sent = get(name)
            if sent:
                break
        sent = sent or b""
        if self._digest is None:
            return _anonymous(_key_of(sent))
        digest = self._digests.get(sent) or self._look_at(sent, self._digest)
        if digest is self._digest:
            return self._master
        caller = self.directory.find(digest, now)
        if caller is None:
            raise UnknownKey(digest)
        if caller.barred or caller.until <= now:
            raise barred(caller, now)
        if sent not in self._digests:
            self._remember(sent, digest)
        return caller

    def sent(self, get: GetHeader, token: Secret) -> bool:
        """Whether this is the key that came."""
        found = next(filter(None, map(get, self._headers)), b"")
        return _same(_digest(_key_of(found)), _digest(token.reveal().encode()))

    def _look_at(self, sent: bytes, right: bytes) -> bytes:
        """The digest of a key that was not accepted yet; `right` itself, if it is the master key's.

        Raises GatewayError 401 when there is none.
        """
        key = _key_of(sent)
        if not key:
            raise unauthorized(
                f"You didn't provide an API key. Send the gateway's key in an {self._place} header:"
                f" `{self._place.strip('`')}: Bearer YOUR_KEY`."
            )
        digest = _digest(key)
        if not _same(digest, right):
            return digest
        self._remember(sent, right)
        return right

    def _remember(self, sent: bytes, digest: bytes) -> None:
        if len(sent) > DIGESTED_BYTES:
            return
        if len(self._digests) >= DIGESTS_REMEMBERED:
            self._digests.clear()
        self._digests[sent] = digest


def _key_of(sent: bytes) -> bytes:
    """A header's value, without its scheme."""
    return sent[len(_BEARER) :].strip() if sent[: len(_BEARER)].lower() == _BEARER else sent


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _anonymous(key: bytes) -> Caller:
    if not key:
        return Caller("anonymous", b"")
    digest = _digest(key)
    return Caller("anonymous:" + digest[:4].hex(), digest)
