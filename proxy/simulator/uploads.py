"""Uploads, files in parts: https://platform.openai.com/docs/api-reference/uploads"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, reply
from proxy.simulator.files import File, check_purpose, save
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Stored

EXPIRY_S = 3600


class Upload(Stored, tag_field="object", tag="upload", kw_only=True):
    bytes: int
    filename: str
    purpose: str
    mime_type: str
    created_at: int = 0
    expires_at: int = 0
    status: str = "pending"
    file: File | None = None


class UploadPart(Stored, tag_field="object", tag="upload.part", kw_only=True):
    created_at: int
    upload_id: str


class Completion(msgspec.Struct):
    part_ids: list[str]


def create(request: Request) -> Answer:
    upload = request.body_as(Upload)
    check_purpose(upload.purpose)
    upload.id, upload.created_at = new_id("upload_"), unix_now()
    upload.expires_at = upload.created_at + EXPIRY_S
    request.store.add(upload)
    return reply(upload)


def add_part(request: Request) -> Answer:
    upload = _pending(request)
    part = UploadPart(id=new_id("part_"), created_at=unix_now(), upload_id=upload.id)
    request.store.add(part, parent=upload.id)
    request.store.blobs.put(part.id, request.form().file("data").data)
    return reply(part)


def complete(request: Request) -> Answer:
    upload, store = _pending(request), request.store
    parts = [store.get(UploadPart, part_id, upload.id) for part_id in request.body_as(Completion).part_ids]
    data = b"".join(store.blobs.get(part.id) for part in parts)
    if len(data) != upload.bytes:
        message = f"The parts hold {len(data)} bytes, but the upload was created with {upload.bytes}."
        raise GatewayError(400, message, param="part_ids")
    upload.file = save(store, upload.filename, upload.purpose, data)
    return reply(_end(request, upload, "completed"))


def cancel(request: Request) -> Answer:
    return reply(_end(request, _pending(request), "cancelled"))


def _pending(request: Request) -> Upload:
    upload = request.store.get(Upload, request.params["id"])
    if upload.status != "pending":
        raise GatewayError(400, f"Upload {upload.id} is already {upload.status}.")
    return upload


def _end(request: Request, upload: Upload, status: str) -> Upload:
    for part in request.store.all(UploadPart, upload.id):
        request.store.blobs.remove(part.id)
    request.store.clear(UploadPart, upload.id)
    upload.status = status
    return upload


ROUTES = (
    Route("POST", "/v1/uploads", create),
    Route("POST", "/v1/uploads/{id}/parts", add_part),
    Route("POST", "/v1/uploads/{id}/complete", complete),
    Route("POST", "/v1/uploads/{id}/cancel", cancel),
)
