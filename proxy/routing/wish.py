"""What one request asks of whoever takes it, and who stands behind it when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from proxy.routing.evidence import Mark


class Wish(msgspec.Struct, frozen=True):
    """Made once per request and group; `pick` and `settle` are told the same one."""

    family: str = ""
    """Of its path: what a key's scopes are given for."""
    model: str | None = None
    """As the request itself names it to the upstream, empty where it names none; None: each deployment's own name."""
    star: str = ""
    """What the `*` in a deployment's name takes."""
    tokens: int = 0
    """What it is expected to use, for quotas; 0: unknown."""
    caller: bytes = b""


ANY = Wish()


class Cause:
    """A request of which an attempt has failed: made then, and told with what follows. Mutable.

    `suspects`: what it left on the models of keys that failed it.
    """

    __slots__ = ("call_id", "caller", "fingerprint", "suspects")

    def __init__(self, call_id: str = "", caller: bytes = b"", fingerprint: bytes = b"") -> None:
        self.call_id = call_id
        self.caller = caller
        self.fingerprint = fingerprint
        self.suspects: list[Mark] = []
