"""Objects (files, threads, batches ...) live in one key project, a scope: requests about them must go there.

An `ObjectStore` remembers which; `place` says where a caller's next object belongs, the same in every process.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

ID_LIMIT_CHARS = 256
"""OpenAI's ids have about 30 characters; longer texts are not worth their memory."""
_HASH_BITS = 52
"""What fits a float's mantissa with half a step to spare: the fraction is never 0 or 1."""


class ObjectStore(Protocol):
    def get(self, object_id: str) -> str | None:
        """The scope that holds the object; None when unknown."""

    def put(self, object_id: str, scope: str) -> None: ...

    def forget(self, object_id: str) -> None:
        """No error when it is unknown."""

    def __len__(self) -> int:
        """How many are remembered: with none, nobody looks for ids."""
        ...


class MemoryStore:
    """The `limit` most recently used objects of this process."""

    __slots__ = ("_limit", "_scopes")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scopes: OrderedDict[str, str] = OrderedDict()
        """Least recently used first."""

    def get(self, object_id: str) -> str | None:
        scope = self._scopes.get(object_id)
        if scope is not None:
            self._scopes.move_to_end(object_id)
        return scope

    def put(self, object_id: str, scope: str) -> None:
        if len(object_id) > ID_LIMIT_CHARS:
            return
        self._scopes[object_id] = scope
        self._scopes.move_to_end(object_id)
        if len(self._scopes) > self._limit:
            self._scopes.popitem(last=False)

    def forget(self, object_id: str) -> None:
        self._scopes.pop(object_id, None)

    def __len__(self) -> int:
        return len(self._scopes)


def place(key: bytes, scopes: Iterable[tuple[str, int]]) -> str:
    """The scope for this key, of (name, weight of at least 1) pairs. ValueError when there are none.

    Weighted rendezvous hashing: shares follow the weights, and when a scope leaves only its keys move.
    Score -w/ln(u): Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005.
    """
    return max(scopes, key=lambda scope: (_score(key, *scope), scope))[0]


def _score(key: bytes, name: str, weight: int) -> float:
    digest = hashlib.blake2b(key + b"\0" + name.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big") >> (64 - _HASH_BITS)
    return -weight / math.log((number + 0.5) / 2**_HASH_BITS)
