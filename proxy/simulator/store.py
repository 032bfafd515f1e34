"""What one API key has created: typed objects by kind, parent and id, bounded, the oldest dropped first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

import msgspec

from proxy.errors import GatewayError

MAX_OBJECTS = 10_000
"""Objects of all kinds per key: about 10 MB of JSON."""
MAX_BLOB_BYTES = 256 * 1024 * 1024
"""Uploaded and generated file contents per key."""
MAX_KEYS = 1_000
"""Keys with a store of their own; the key unused for longest loses its store."""


class Stored(msgspec.Struct, kw_only=True):
    """What a store holds. Families decode a create's body into one, then give it its id."""

    id: str = ""


S = TypeVar("S", bound=Stored)

NOT_FOUND = {
    "file": "No such File object: {id}",
    "response": "Response with id '{id}' not found.",
    "conversation": "Conversation with id '{id}' not found.",
}
"""The API's wording where it differs from `No thread found with id 'thread_x'.`"""


def not_found(kind: type[Stored], object_id: str) -> GatewayError:
    tag = str(kind.__struct_config__.tag)
    noun = tag.rpartition(".")[2].replace("_", " ")
    wording = NOT_FOUND.get(tag, "No {noun} found with id '{id}'.")
    return GatewayError(404, wording.format(noun=noun, id=object_id))


class Blobs:
    """File contents by file id, `limit_bytes` in all."""

    def __init__(self, limit_bytes: int = MAX_BLOB_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._blobs: OrderedDict[str, bytes] = OrderedDict()

    def put(self, blob_id: str, data: bytes) -> None:
        self._blobs[blob_id] = data
        self._held_bytes += len(data)
        while self._held_bytes > self._limit_bytes:
            self.remove(next(iter(self._blobs)))

    def get(self, blob_id: str) -> bytes:
        return self._blobs.get(blob_id, b"")

    def remove(self, blob_id: str) -> None:
        self._held_bytes -= len(self._blobs.pop(blob_id, b""))


class Store:
    """The objects of one API key. `parent` tells the messages of one thread from those of another."""

    def __init__(self, max_objects: int = MAX_OBJECTS) -> None:
        self.blobs = Blobs()
        self._max_objects = max_objects
        self._tables: dict[tuple[type, str], dict[str, Stored]] = {}
        self._by_age: OrderedDict[tuple[type, str, str], None] = OrderedDict()

    def add(self, item: Stored, parent: str = "") -> None:
        """Under an id already there it takes that one's place."""
        self._tables.setdefault((type(item), parent), {})[item.id] = item
        self._by_age[type(item), parent, item.id] = None
        if len(self._by_age) > self._max_objects:
            self._remove(*next(iter(self._by_age)))

    def get(self, kind: type[S], object_id: str, parent: str = "") -> S:
        """Raises the API's own 404 when this key has no such object."""
        item = self._tables.get((kind, parent), {}).get(object_id)
        if not isinstance(item, kind):
            raise not_found(kind, object_id)
        return item

    def all(self, kind: type[S], parent: str = "") -> list[S]:
        """Oldest first."""
        return [item for item in self._tables.get((kind, parent), {}).values() if isinstance(item, kind)]

    def remove(self, kind: type[S], object_id: str, parent: str = "") -> S:
        item = self.get(kind, object_id, parent)
        self._remove(kind, parent, object_id)
        return item

    def clear(self, kind: type[Stored], parent: str) -> None:
        for object_id in self._tables.pop((kind, parent), {}):
            del self._by_age[kind, parent, object_id]

    def _remove(self, kind: type, parent: str, object_id: str) -> None:
        del self._by_age[kind, parent, object_id]
        table = self._tables[kind, parent]
        del table[object_id]
        if not table:
            del self._tables[kind, parent]


class Stores:
    """One store per API key, so that a foreign id is as unknown here as at OpenAI."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._stores: OrderedDict[str, Store] = OrderedDict()

    def of(self, key: str) -> Store:
        store = self._stores.setdefault(key, Store())
        self._stores.move_to_end(key)
        if len(self._stores) > self._max_keys:
            self._stores.popitem(last=False)
        return store
