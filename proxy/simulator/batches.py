"""Batches: https://platform.openai.com/docs/api-reference/batch

A batch moves one step each time it is looked at: validating, in_progress, completed. Its lines are answered
by the same functions that answer them singly.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.errors import GatewayError
from proxy.simulator import chat, completions, embeddings, moderations, responses
from proxy.simulator.answer import Answer, Json, Metadata, encode, list_reply, reply
from proxy.simulator.files import File, save
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Stored
from proxy.types import Reply

ENDPOINTS: dict[str, Callable[[Request], Answer]] = {
    "/v1/chat/completions": chat.create,
    "/v1/completions": completions.create,
    "/v1/embeddings": embeddings.create,
    "/v1/moderations": moderations.create,
    "/v1/responses": responses.create,
}
MAX_LINES = 1_000
"""All are answered in one go, at about 50 us each; OpenAI's own limit is 50,000."""
EXPIRY_S = 24 * 3600


def _counts(total: int, completed: int, failed: int) -> dict[str, int]:
    return {"total": total, "completed": completed, "failed": failed}


class Line(msgspec.Struct):
    custom_id: str
    body: msgspec.Raw


class Batch(Stored, tag_field="object", tag="batch", kw_only=True):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Metadata | None = None
    status: str = "validating"
    errors: Json | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int = 0
    in_progress_at: int | None = None
    expires_at: int = 0
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: dict[str, int] = msgspec.field(default_factory=lambda: _counts(0, 0, 0))


def create(request: Request) -> Answer:
    batch = request.body_as(Batch)
    if batch.endpoint not in ENDPOINTS:
        message = f"Invalid value: '{batch.endpoint}'. Supported values are: {', '.join(ENDPOINTS)}."
        raise GatewayError(400, message, param="endpoint", code="invalid_value")
    request.store.get(File, batch.input_file_id)
    batch.id, batch.created_at = new_id("batch_"), unix_now()
    batch.expires_at = batch.created_at + EXPIRY_S
    request.store.add(batch)
    return reply(batch)


def list_batches(request: Request) -> Answer:
    return list_reply(request.store.all(Batch), request)


def get(request: Request) -> Answer:
    batch = request.store.get(Batch, request.params["id"])
    step = STEPS.get(batch.status)
    if step is not None:
        step(request, batch)
    return reply(batch)


def cancel(request: Request) -> Answer:
    batch = request.store.get(Batch, request.params["id"])
    if batch.status not in STEPS:
        raise GatewayError(400, f"Cannot cancel a batch with status '{batch.status}'.")
    batch.status, batch.cancelling_at = "cancelling", unix_now()
    return reply(batch)


def _validate(request: Request, batch: Batch) -> None:
    try:
        lines = _lines(request, batch)
    except msgspec.MsgspecError as error:
        return _fail(batch, "invalid_json_line", str(error))
    if not 1 <= len(lines) <= MAX_LINES:
        return _fail(batch, "invalid_line_count", f"The file must hold 1 to {MAX_LINES} requests.")
    batch.status, batch.in_progress_at = "in_progress", unix_now()
    batch.request_counts = _counts(len(lines), 0, 0)
    return None


def _fail(batch: Batch, code: str, message: str) -> None:
    batch.status, batch.failed_at = "failed", unix_now()
    batch.errors = {
        "object": "list",
        "data": [{"code": code, "message": message, "param": None, "line": None}],
    }


def _complete(request: Request, batch: Batch) -> None:
    answers = [_answer_line(request, batch, line) for line in _lines(request, batch)]
    good = [line for status, line in answers if status == 200]
    bad = [line for status, line in answers if status != 200]
    batch.output_file_id = _save(request, batch, "output", good)
    batch.error_file_id = _save(request, batch, "error", bad)
    batch.request_counts = _counts(len(answers), len(good), len(bad))
    batch.status, batch.finalizing_at, batch.completed_at = "completed", unix_now(), unix_now()


def _end_cancelling(request: Request, batch: Batch) -> None:
    batch.status, batch.cancelled_at = "cancelled", unix_now()


STEPS: dict[str, Callable[[Request, Batch], None]] = {
    "validating": _validate,
    "in_progress": _complete,
    "cancelling": _end_cancelling,
}


def _lines(request: Request, batch: Batch) -> list[Line]:
    data = request.store.blobs.get(batch.input_file_id)
    return [msgspec.json.decode(line, type=Line) for line in data.splitlines() if line.strip()]


def _answer_line(request: Request, batch: Batch, line: Line) -> tuple[int, bytes]:
    single = msgspec.structs.replace(request, body=bytes(line.body))
    try:
        answer = ENDPOINTS[batch.endpoint](single)
    except GatewayError as error:
        answer = error.reply()
    if not isinstance(answer, Reply):
        answer = GatewayError(400, "Streaming is not supported in the Batch API.", param="stream").reply()
    response = {
        "status_code": answer.status,
        "request_id": new_id("req_"),
        "body": msgspec.Raw(answer.body),
    }
    return answer.status, encode(
        {
            "id": new_id("batch_req_"),
            "custom_id": line.custom_id,
            "response": response,
            "error": None,
        }
    )


def _save(request: Request, batch: Batch, what: str, lines: list[bytes]) -> str | None:
    if not lines:
        return None
    name = f"{batch.id}_{what}.jsonl"
    return save(request.store, name, "batch_output", b"\n".join(lines) + b"\n").id


ROUTES = (
    Route("POST", "/v1/batches", create),
    Route("GET", "/v1/batches", list_batches),
    Route("GET", "/v1/batches/{id}", get),
    Route("POST", "/v1/batches/{id}/cancel", cancel),
)
