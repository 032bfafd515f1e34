"""Objects (files, threads, batches ...) live in one key project, a scope: requests about them must go there.

An `ObjectStore` remembers which; `place` says where a caller's next object belongs, the same in every process.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

ID_LIMIT_CHARS = 256
"""OpenAI's ids have about 30 characters; longer texts are not worth their memory."""
_HASH_BITS = 52
"""What fits a float's mantissa with half a step to spare: the fraction is never 0 or 1."""


class ObjectStore(Protocol):
    @property
    def missed(self) -> Sequence[str]:
        """Ids that were asked for and may be known elsewhere, until they have been looked for there."""
        ...

    def get(self, object_id: str) -> str | None:
        """The scope that holds the object; None when unknown."""

    def owner(self, object_id: str) -> bytes | None:
        """Whose it is; empty: nobody's. None when unknown."""

    def put(self, object_id: str, scope: str, owner: bytes = b"") -> None:
        """`owner`: whose it is, unless it is somebody's already; empty: nobody's, as far as is known."""

    def forget(self, object_id: str) -> None:
        """No error when it is unknown."""

    def __len__(self) -> int:
        """How many are remembered: with none, nobody looks for ids."""
        ...


class MemoryStore:
    """The `limit` most recently used objects of this process. An owner of more than half of them makes room for its
    own: it takes nobody else's place."""

    __slots__ = ("_limit", "_objects", "_owned", "missed")

    def __init__(self, limit: int) -> None:
        self.missed: Sequence[str] = ()
        """There is no elsewhere."""
        self._limit = limit
        self._objects: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        """Scope and owner. Least recently used first, here and below."""
        self._owned: dict[bytes, OrderedDict[str, None]] = {}

    def get(self, object_id: str) -> str | None:
        found = self._objects.get(object_id)
        if found is None:
            return None
        scope, owner = found
        self._objects.move_to_end(object_id)
        self._owned[owner].move_to_end(object_id)
        return scope

    def owner(self, object_id: str) -> bytes | None:
        found = self._objects.get(object_id)
        return None if found is None else found[1]

    def put(self, object_id: str, scope: str, owner: bytes = b"") -> None:
        if len(object_id) > ID_LIMIT_CHARS:
            return
        owner = self.owner(object_id) or owner
        self.forget(object_id)
        self._objects[object_id] = scope, owner
        owned = self._owned.setdefault(owner, OrderedDict())
        owned[object_id] = None
        if len(self._objects) > self._limit:
            self.forget(next(iter(owned if 2 * len(owned) > self._limit else self._objects)))

    def forget(self, object_id: str) -> None:
        found = self._objects.pop(object_id, None)
        if found is not None:
            owned = self._owned[found[1]]
            del owned[object_id]
            if not owned:
                del self._owned[found[1]]

    def __len__(self) -> int:
        return len(self._objects)


def place(key: bytes, scopes: Iterable[tuple[str, int]]) -> str:
    """The scope for this key, of (name, weight of at least 1) pairs. ValueError when there are none.

    Weighted rendezvous hashing: shares follow the weights, and when a scope leaves only its keys move.
    Score -w/ln(u): Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005.
    """
    return max(scopes, key=lambda scope: (score(key, *scope), scope))[0]


def score(key: bytes, name: str, weight: float) -> float:
    """Of a scope for this key: the highest has it."""
    digest = hashlib.blake2b(key + b"\0" + name.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big") >> (64 - _HASH_BITS)
    return -weight / math.log((number + 0.5) / 2**_HASH_BITS)
