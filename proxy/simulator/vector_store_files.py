"""The files of a vector store: https://platform.openai.com/docs/api-reference/vector-stores-files"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Answer, Json, deleted, list_reply, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Stored
from proxy.simulator.vector_stores import FileToAdd, VectorStoreFile, add_file, file_counts, found


class FileBatch(Stored, tag_field="object", tag="vector_store.file_batch", kw_only=True):
    vector_store_id: str
    created_at: int
    status: str = "completed"
    file_counts: dict[str, int]


class BatchedFiles(Stored, kw_only=True):
    """Which files came with a batch."""

    file_ids: list[str]


class FileIds(msgspec.Struct):
    file_ids: list[str]


class Attributes(msgspec.Struct):
    attributes: Json | None


def add(request: Request) -> Answer:
    return reply(add_file(request.store, found(request), request.body_as(FileToAdd)))


def list_files(request: Request) -> Answer:
    return list_reply(request.store.all(VectorStoreFile, found(request).id), request)


def get(request: Request) -> Answer:
    return reply(_file(request))


def modify(request: Request) -> Answer:
    file = _file(request)
    file.attributes = request.body_as(Attributes).attributes or {}
    return reply(file)


def remove(request: Request) -> Answer:
    file = request.store.remove(VectorStoreFile, request.params["file_id"], found(request).id)
    return deleted(file.id, "vector_store.file.deleted")


def content(request: Request) -> Answer:
    text = request.store.blobs.get(_file(request).id).decode(errors="replace")
    return reply(
        {
            "object": "vector_store.file_content.page",
            "data": [{"type": "text", "text": text}],
            "has_more": False,
            "next_page": None,
        }
    )


def add_batch(request: Request) -> Answer:
    vector_store, wanted = found(request), request.body_as(FileIds).file_ids
    for file_id in wanted:
        add_file(request.store, vector_store, FileToAdd(file_id))
    batch = FileBatch(
        id=new_id("vsfb_"),
        vector_store_id=vector_store.id,
        created_at=unix_now(),
        file_counts=file_counts(len(wanted)),
    )
    request.store.add(batch, parent=vector_store.id)
    request.store.add(BatchedFiles(id=batch.id, file_ids=wanted))
    return reply(batch)


def get_batch(request: Request) -> Answer:
    """Also answers cancel: a batch is complete from the start."""
    return reply(_batch(request))


def list_batch_files(request: Request) -> Answer:
    batch = _batch(request)
    ids = request.store.get(BatchedFiles, batch.id).file_ids
    files = request.store.all(VectorStoreFile, batch.vector_store_id)
    return list_reply([file for file in files if file.id in ids], request)


def _file(request: Request) -> VectorStoreFile:
    return request.store.get(VectorStoreFile, request.params["file_id"], found(request).id)


def _batch(request: Request) -> FileBatch:
    return request.store.get(FileBatch, request.params["batch_id"], found(request).id)


ROUTES = (
    Route("POST", "/v1/vector_stores/{id}/files", add),
    Route("GET", "/v1/vector_stores/{id}/files", list_files),
    Route("GET", "/v1/vector_stores/{id}/files/{file_id}", get),
    Route("POST", "/v1/vector_stores/{id}/files/{file_id}", modify),
    Route("DELETE", "/v1/vector_stores/{id}/files/{file_id}", remove),
    Route("GET", "/v1/vector_stores/{id}/files/{file_id}/content", content),
    Route("POST", "/v1/vector_stores/{id}/file_batches", add_batch),
    Route("GET", "/v1/vector_stores/{id}/file_batches/{batch_id}", get_batch),
    Route("POST", "/v1/vector_stores/{id}/file_batches/{batch_id}/cancel", get_batch),
    Route("GET", "/v1/vector_stores/{id}/file_batches/{batch_id}/files", list_batch_files),
)
