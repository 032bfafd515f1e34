"""Vector stores: https://platform.openai.com/docs/api-reference/vector-stores

Files are ready at once; search ranks them by the words they share with the query.
"""

from __future__ import annotations

import re

import msgspec

from proxy.simulator.answer import Answer, Json, Metadata, deleted, list_reply, reply
from proxy.simulator.files import File
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request, patched
from proxy.simulator.route import Route
from proxy.simulator.store import Store, Stored

WORD = re.compile(r"\w{3,}")
SHOWN_CHARS = 2_000
"""Of each file, in a search result."""
STATIC_CHUNKS: Json = {
    "type": "static",
    "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
}
MODIFIABLE = frozenset({"name", "metadata", "expires_after"})


class VectorStore(Stored, tag_field="object", tag="vector_store", kw_only=True):
    name: str | None = None
    metadata: Metadata | None = None
    expires_after: Json | None = None
    expires_at: int | None = None
    created_at: int = 0
    last_active_at: int = 0
    status: str = "completed"
    usage_bytes: int = 0
    file_counts: dict[str, int] = msgspec.field(default_factory=dict)


class VectorStoreFile(Stored, tag_field="object", tag="vector_store.file", kw_only=True):
    vector_store_id: str
    created_at: int
    usage_bytes: int
    status: str = "completed"
    last_error: Json | None = None
    attributes: Json = msgspec.field(default_factory=dict)
    chunking_strategy: Json


class FileIds(msgspec.Struct):
    file_ids: list[str] | None = None


class FileToAdd(msgspec.Struct):
    file_id: str
    attributes: Json | None = None
    chunking_strategy: Json | None = None


class Search(msgspec.Struct):
    query: str | list[str]
    max_num_results: int = 10


def create(request: Request) -> Answer:
    store = request.body_as(VectorStore)
    store.id, store.created_at = new_id("vs_"), unix_now()
    request.store.add(store)
    for file_id in request.body_as(FileIds).file_ids or ():
        add_file(request.store, store, FileToAdd(file_id))
    return reply(counted(request.store, store))


def list_stores(request: Request) -> Answer:
    return list_reply([counted(request.store, item) for item in request.store.all(VectorStore)], request)


def get(request: Request) -> Answer:
    return reply(counted(request.store, found(request)))


def modify(request: Request) -> Answer:
    store = patched(found(request), request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(store)
    return reply(counted(request.store, store))


def delete(request: Request) -> Answer:
    store = request.store.remove(VectorStore, request.params["id"])
    request.store.clear(VectorStoreFile, store.id)
    return deleted(store.id, "vector_store.deleted")


def search(request: Request) -> Answer:
    wanted = request.body_as(Search)
    queries = [wanted.query] if isinstance(wanted.query, str) else wanted.query
    files = request.store.all(VectorStoreFile, found(request).id)
    results = [_result(request.store, file, _words(" ".join(queries))) for file in files]
    results.sort(key=lambda result: -result.score)
    return reply(
        {
            "object": "vector_store.search_results.page",
            "search_query": queries,
            "data": results[: wanted.max_num_results],
            "has_more": False,
            "next_page": None,
        }
    )


def found(request: Request) -> VectorStore:
    return request.store.get(VectorStore, request.params["id"])


def add_file(store: Store, vector_store: VectorStore, wanted: FileToAdd) -> VectorStoreFile:
    """Raises the API's 404 when there is no such file."""
    file = store.get(File, wanted.file_id)
    added = VectorStoreFile(
        id=file.id,
        vector_store_id=vector_store.id,
        created_at=unix_now(),
        usage_bytes=file.bytes,
        attributes=wanted.attributes or {},
        chunking_strategy=wanted.chunking_strategy or STATIC_CHUNKS,
    )
    store.add(added, parent=vector_store.id)
    return added


def file_counts(total: int) -> dict[str, int]:
    return {"in_progress": 0, "completed": total, "failed": 0, "cancelled": 0, "total": total}


def counted(store: Store, vector_store: VectorStore) -> VectorStore:
    files = store.all(VectorStoreFile, vector_store.id)
    vector_store.file_counts = file_counts(len(files))
    vector_store.usage_bytes = sum(file.usage_bytes for file in files)
    vector_store.last_active_at = unix_now()
    return vector_store


class Result(msgspec.Struct):
    file_id: str
    filename: str
    score: float
    attributes: Json
    content: list[Json]


def _result(store: Store, file: VectorStoreFile, query: set[str]) -> Result:
    text = store.blobs.get(file.id).decode(errors="replace")
    score = len(query & _words(text)) / max(1, len(query))
    content: list[Json] = [{"type": "text", "text": text[:SHOWN_CHARS]}]
    return Result(file.id, store.get(File, file.id).filename, score, file.attributes, content)


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


ROUTES = (
    Route("POST", "/v1/vector_stores", create),
    Route("GET", "/v1/vector_stores", list_stores),
    Route("GET", "/v1/vector_stores/{id}", get),
    Route("POST", "/v1/vector_stores/{id}", modify),
    Route("DELETE", "/v1/vector_stores/{id}", delete),
    Route("POST", "/v1/vector_stores/{id}/search", search),
)
