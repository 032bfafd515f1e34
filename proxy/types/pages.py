"""What the gateway says itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from proxy.types.credentials import Secret
from proxy.types.headers import Headers


class Reply(msgspec.Struct, frozen=True):
    """A whole answer of the gateway's own making (errors, health, docs, mock answers)."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()


class PageRequest(msgspec.Struct, frozen=True):
    """What a page of the gateway's own (health, models, docs) needs to know of a request."""

    method: str
    path: str
    query: str = ""
    base_url: str = ""
    """`https://host:port` as the client addressed this gateway; empty: it did not say."""
    body: bytes = b""
    """Of a POST, PUT or PATCH."""
    key: str | None = None
    """The `id` of the virtual key it came with; None: the master key, or none was asked for."""
    admin: bool = False
    """Its sender holds the master key, or is an administrator."""
    accept: str = ""
    """What kinds of answers it takes."""
    anthropic: bool = False
    """Its client reads Anthropic's shapes: it says which edition of that API it is for."""
    may_use: Callable[[str], bool] = lambda _: True
    """Whether its sender may use a model."""

    @property
    def operator(self) -> bool:
        """Its sender may see what is the operator's: no virtual key's holder, unless that is an administrator."""
        return self.key is None or self.admin


class Page(msgspec.Struct, frozen=True):
    """One page of the gateway's own. `{name}` as the last part of `path` matches the rest of the path."""

    path: str
    answer: Callable[[PageRequest], Awaitable[Reply]]
    public: bool
    """True: no key asked (liveness, docs). False: a key is needed."""
    summary: str
    methods: tuple[str, ...] = ("GET", "HEAD")
    admin: bool = False
    """True: the key must be the master key, and a gateway without one refuses."""
    token: Secret | None = None
    """A key that opens this page and nothing else."""
