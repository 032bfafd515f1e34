"""Where a deployment's requests go, and the head they are sent with. Compiled once per deployment."""

from __future__ import annotations

import functools

import msgspec

from proxy.credentials import BY_DEFAULT, Withheld, foreign_to
from proxy.types import Deployment, Headers
from proxy.upstream.renewed import Renewed
from proxy.wire.form import RequestHead
from proxy.wire.head import NO_BODY

NEVER_FORWARDED = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
     b"expect", b"host", b"content-length")
)  # fmt: skip
"""RFC 9110 section 7.6.1; `expect` because this gateway has already answered it; host and length are said anew."""
NARROWED_REMEMBERED = 256
OURS = b"x-litellm-"
"""Headers that speak to the gateway."""


class Forwarding(msgspec.Struct, frozen=True, eq=False):
    """Which of the client's headers go on, besides NEVER_FORWARDED. Few, and made once: hashed by identity."""

    private: Withheld = BY_DEFAULT
    """Credentials and identities, which stay at the gateway."""
    withheld: frozenset[bytes] = frozenset()
    """Lower-case names that stay behind too."""
    only: frozenset[bytes] | None = None
    """Lower-case names that go; None: all but the withheld."""
    extensions: bool = True
    """Whether `x-*` headers go."""
    foreign: tuple[bytes, ...] = ()
    """How lower-case names begin that are for other providers."""

    def without(self, names: frozenset[bytes]) -> Forwarding:
        """The same, with `names` staying behind too."""
        return msgspec.structs.replace(self, withheld=self.withheld | names)

    def passes(self, lower: bytes) -> bool:
        """Implements wire.form.Sieve."""
        if lower in NEVER_FORWARDED or lower.startswith(OURS):
            return False
        if self.private.holds(lower) or lower in self.withheld:
            return False
        if self.only is not None and lower not in self.only:
            return False
        if lower.startswith(self.foreign):
            return False
        return self.extensions or not lower.startswith(b"x-")


EVERYTHING = Forwarding()


class Endpoint(msgspec.Struct, frozen=True, cache_hash=True):
    """What a connection is made to, and may be reused for."""

    host: str
    port: int
    tls: bool
    verify: bool | str = True
    bundle: str = ""
    """Which edition of the trusted certificates, by `wire.tls.bundle_mark`: with another, neither connections nor TLS
    sessions go on."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Destination:
    """A deployment as the wire sees it."""

    __slots__ = (
        "_lasting",
        "_narrowed",
        "_yielding",
        "base_path",
        "deployment",
        "endpoint",
        "host",
        "own_lines",
        "own_names",
        "plain_targets",
        "renewed",
        "targets",
        "through",
    )

    def __init__(
        self,
        deployment: Deployment,
        endpoint: Endpoint,
        base_path: bytes,
        host_header: bytes,
        yielding: frozenset[bytes] = frozenset(),
        own: Headers = (),
    ) -> None:
        """`own`: the headers that every request bears, in place of the client's of the same names. `yielding`: those
        of them, lower-case, that give way to the client's where it sends them."""
        self.deployment = deployment
        self.endpoint = endpoint
        self.base_path = base_path
        self._yielding = tuple(header for header in own if header[0].lower() in yielding)
        own = tuple(header for header in own if header not in self._yielding)
        self.own_names = frozenset(name.lower() for name, _ in own)
        self.host = host_header
        self.own_lines = self._lasting = _lines(((b"Host", host_header), *own))
        self.renewed: Renewed | None = None
        """Its credential, where that ends."""
        self.through: Destination | None = None
        """Where what passes through to its provider's own API goes; None: here."""
        self.targets: dict[bytes, bytes] = {}
        """Path of a native route -> what is asked for here. For who asks here to fill."""
        self.plain_targets: dict[bytes, bytes] = {}
        """The same, where requests go on as they come."""
        self._narrowed: dict[Forwarding, Forwarding] = {}
        """What is left of each when this deployment's own headers replace the client's."""

    def head(
        self, client: RequestHead, forwarding: Forwarding, length: int, target: bytes, more: Headers = ()
    ) -> bytes:
        """HOT. The request head to send: those of the client's lines that may go on, as they came.

        `length`: of the body in bytes, or wire.head.CHUNKED, or wire.head.NO_BODY. `more`: this request's own headers,
        in place of the client's; the deployment's win.
        """
        form = client.form
        sieve = self._narrowed.get(forwarding) or self.narrow(forwarding)
        own = self.own_lines + self._unsaid(client) if self._yielding else self.own_lines
        if more:
            more = tuple(header for header in more if header[0].lower() not in self.own_names)
            sieve = _without(sieve, frozenset(name.lower() for name, _ in more))
            own += _lines(more)
        kept = form.kept.get(sieve) or form.keep(sieve)
        if length >= 0:
            framing = b"Content-Length: %d\r\n" % length
        else:
            framing = b"" if length == NO_BODY else b"Transfer-Encoding: chunked\r\n"
        if form.repeats:
            return kept.template % (client.method, target, own, framing)
        return kept.template % kept.pick((client.method, target, own, framing, *client.values))

    def admit(self, headers: Headers) -> None:
        """From now on it is asked with this credential."""
        self.own_lines = self._lasting + _lines(headers)

    def narrow(self, forwarding: Forwarding) -> Forwarding:
        """What is left of it here."""
        said = frozenset(filter(forwarding.passes, self.own_names))
        foreign = foreign_to(self.deployment.provider)
        sieve = self._narrowed[forwarding] = _without(_apart(forwarding, foreign), said)
        return sieve

    def _unsaid(self, client: RequestHead) -> bytes:
        """The own headers that give way, unless the client sends them."""
        return _lines(tuple(header for header in self._yielding if client.get(header[0].lower()) is None))


@functools.lru_cache(maxsize=NARROWED_REMEMBERED)
def _without(forwarding: Forwarding, names: frozenset[bytes]) -> Forwarding:
    """The same one for deployments that say the same, so that forms need to know one sieve for all of them."""
    return forwarding.without(names)


@functools.lru_cache(maxsize=NARROWED_REMEMBERED)
def _apart(forwarding: Forwarding, foreign: tuple[bytes, ...]) -> Forwarding:
    return msgspec.structs.replace(forwarding, foreign=foreign)


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
