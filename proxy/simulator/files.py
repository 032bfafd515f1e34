"""Files: https://platform.openai.com/docs/api-reference/files"""

from __future__ import annotations

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, deleted, list_reply, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Store, Stored
from proxy.types import Reply

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
MAX_PAGE = 10_000


class File(Stored, tag_field="object", tag="file", kw_only=True):
    bytes: int
    created_at: int
    filename: str
    purpose: str
    expires_at: int | None = None
    status: str = "processed"
    status_details: str | None = None


def create(request: Request) -> Answer:
    form = request.form()
    part, purpose = form.file("file"), form.values.get("purpose", "")
    check_purpose(purpose)
    return reply(save(request.store, part.filename, purpose, part.data))


def check_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        message = f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'"
        raise GatewayError(400, message, param="purpose", code="invalid_value")


def save(store: Store, filename: str, purpose: str, data: bytes) -> File:
    file = File(
        id=new_id("file-"),
        bytes=len(data),
        created_at=unix_now(),
        filename=filename,
        purpose=purpose,
    )
    store.add(file)
    store.blobs.put(file.id, data)
    return file


def list_files(request: Request) -> Answer:
    purpose = request.query.get("purpose")
    files = [file for file in request.store.all(File) if purpose in {None, file.purpose}]
    return list_reply(files, request, max_page=MAX_PAGE)


def get(request: Request) -> Answer:
    return reply(request.store.get(File, request.params["id"]))


def content(request: Request) -> Answer:
    file = request.store.get(File, request.params["id"])
    disposition = f'attachment; filename="{file.filename}"'.encode("latin-1", "replace")
    headers = ((b"content-disposition", disposition),)
    return Reply(200, request.store.blobs.get(file.id), "application/octet-stream", headers)


def delete(request: Request) -> Answer:
    file = request.store.remove(File, request.params["id"])
    request.store.blobs.remove(file.id)
    return deleted(file.id, "file")


ROUTES = (
    Route("POST", "/v1/files", create),
    Route("GET", "/v1/files", list_files),
    Route("GET", "/v1/files/{id}", get),
    Route("DELETE", "/v1/files/{id}", delete),
    Route("GET", "/v1/files/{id}/content", content),
)
