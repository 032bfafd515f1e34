"""Where a deployment's requests go, and the head they are sent with. Compiled once per deployment."""

from __future__ import annotations

import msgspec

from proxy.credentials import BY_DEFAULT, Withheld
from proxy.types import Deployment, Headers
from proxy.wire.head import NO_BODY, RequestHead

HEADS_REMEMBERED = 512
"""Filtered header blocks kept: clients send the same head again and again. Emptied when full. As many as the head
parser shares: a head that it forgot comes back as another."""

NEVER_FORWARDED = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
     b"expect", b"host", b"content-length")
)  # fmt: skip
"""RFC 9110 section 7.6.1; `expect` because this gateway has already answered it; host and length are said anew."""
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

    def without(self, names: frozenset[bytes]) -> Forwarding:
        """The same, with `names` staying behind too."""
        return msgspec.structs.replace(self, withheld=self.withheld | names)

    def passes(self, lower: bytes) -> bool:
        if self.private.holds(lower) or lower in self.withheld:
            return False
        if self.only is not None and lower not in self.only:
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

    __slots__ = ("_blocks", "_yielding", "base_path", "deployment", "endpoint", "own_lines", "own_names")

    def __init__(
        self,
        deployment: Deployment,
        endpoint: Endpoint,
        base_path: bytes,
        host_header: bytes,
        yielding: frozenset[bytes] = frozenset(),
    ) -> None:
        """`yielding`: own headers, lower-case, that give way to the client's where it sends them."""
        self.deployment = deployment
        self.endpoint = endpoint
        self.base_path = base_path
        own = _own_headers(deployment)
        self._yielding = tuple(header for header in own if header[0].lower() in yielding)
        own = tuple(header for header in own if header not in self._yielding)
        self.own_names = frozenset(name.lower() for name, _ in own)
        self.own_lines = _lines(((b"Host", host_header), *own))
        self._blocks: dict[tuple[RequestHead, Forwarding], tuple[bytes, bytes]] = {}

    def head(self, client: RequestHead, forwarding: Forwarding, length: int) -> bytes | None:
        """HOT. The request head to send; None: `learn` the client's first.

        `length`: of the body in bytes, or wire.head.CHUNKED, or wire.head.NO_BODY.
        """
        block = self._blocks.get((client, forwarding))
        return None if block is None else _framed(block, length)

    def learn(self, client: RequestHead, forwarding: Forwarding, length: int, target: bytes) -> bytes:
        """The same for a head that is new, whose request goes to `target`."""
        if len(self._blocks) >= HEADS_REMEMBERED:
            self._blocks.clear()
        block = self._blocks[client, forwarding] = self._block(client, forwarding, target)
        return _framed(block, length)

    def _block(self, client: RequestHead, forwarding: Forwarding, target: bytes) -> tuple[bytes, bytes]:
        """What stands before and after the lines on the body's framing."""
        before, after = self._filter(client, forwarding)
        line = b"%b %b HTTP/1.1\r\n" % (client.method, target)
        return line + self.own_lines + before, after + b"\r\n"

    def _filter(self, client: RequestHead, forwarding: Forwarding) -> tuple[bytes, bytes]:
        before, after = _forwarded(client, self.own_names, forwarding)
        unsaid = tuple(header for header in self._yielding if client.get(header[0].lower()) is None)
        return _lines(unsaid) + before, after


def _framed(block: tuple[bytes, bytes], length: int) -> bytes:
    before, after = block
    if length >= 0:
        return b"%bContent-Length: %d\r\n%b" % (before, length, after)
    return before + (b"" if length == NO_BODY else b"Transfer-Encoding: chunked\r\n") + after


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def _own_headers(deployment: Deployment) -> Headers:
    own: list[tuple[bytes, bytes]] = []
    key = deployment.api_key.reveal()
    configured = {name.lower() for name, _ in deployment.headers}
    if key and b"authorization" not in configured:
        own.append((b"Authorization", b"Bearer " + key.encode()))
    if deployment.organization and b"openai-organization" not in configured:
        own.append((b"OpenAI-Organization", deployment.organization.encode()))
    return (*own, *deployment.headers)


def _forwarded(client: RequestHead, own: frozenset[bytes], forwarding: Forwarding) -> tuple[bytes, bytes]:
    """The client's headers in their order and spelling: those before and those after Content-Length's place."""
    unwanted = NEVER_FORWARDED | own | client.connection_tokens
    place = client.length_index if client.length_index >= 0 else len(client.headers)
    before: list[bytes] = []
    after: list[bytes] = []
    for index, (name, value) in enumerate(client.headers):
        lower = name.lower()
        if lower in unwanted or lower.startswith(OURS) or not forwarding.passes(lower):
            continue
        (before if index < place else after).append(b"%b: %b\r\n" % (name, value))
    return b"".join(before), b"".join(after)
