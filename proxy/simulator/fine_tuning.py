"""Fine-tuning jobs: https://platform.openai.com/docs/api-reference/fine-tuning

A job moves one step each time it is looked at, and succeeds.
"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Metadata, list_reply, reply
from proxy.simulator.files import File
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Store, Stored
from proxy.simulator.text import count_tokens

NEXT_STATUS = {"validating_files": "queued", "queued": "running", "running": "succeeded"}
DEFAULT_HYPERPARAMETERS: Json = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}


class Job(Stored, tag_field="object", tag="fine_tuning.job", kw_only=True):
    model: str
    training_file: str
    validation_file: str | None = None
    hyperparameters: Json | None = None
    method: Json | None = None
    suffix: str | None = None
    seed: int | None = None
    metadata: Metadata | None = None
    status: str = "validating_files"
    created_at: int = 0
    finished_at: int | None = None
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    organization_id: str = "org-simulated"
    result_files: list[str] = msgspec.field(default_factory=list)
    integrations: list[Json] = msgspec.field(default_factory=list)
    error: Json | None = None


class JobEvent(Stored, tag_field="object", tag="fine_tuning.job.event", kw_only=True):
    created_at: int
    message: str
    level: str = "info"
    type: str = "message"
    data: Json = msgspec.field(default_factory=dict)


def create(request: Request) -> Answer:
    job = request.body_as(Job)
    request.store.get(File, job.training_file)
    job.id, job.created_at = new_id("ftjob-"), unix_now()
    job.seed = 42 if job.seed is None else job.seed
    job.hyperparameters = job.hyperparameters or DEFAULT_HYPERPARAMETERS
    request.store.add(job)
    _tell(request.store, job, f"Created fine-tuning job: {job.id}")
    return reply(job)


def list_jobs(request: Request) -> Answer:
    return list_reply(request.store.all(Job), request)


def get(request: Request) -> Answer:
    job = request.store.get(Job, request.params["id"])
    status = NEXT_STATUS.get(job.status)
    if status is not None:
        _move(request.store, job, status)
    return reply(job)


def cancel(request: Request) -> Answer:
    job = request.store.get(Job, request.params["id"])
    if job.status not in NEXT_STATUS:
        raise GatewayError(400, f"Job has already completed: {job.id}")
    _move(request.store, job, "cancelled")
    return reply(job)


def events(request: Request) -> Answer:
    job = request.store.get(Job, request.params["id"])
    return list_reply(request.store.all(JobEvent, job.id), request)


def checkpoints(request: Request) -> Answer:
    request.store.get(Job, request.params["id"])
    return list_reply([], request)


def _move(store: Store, job: Job, status: str) -> None:
    job.status = status
    _tell(store, job, f"Fine-tuning job is {status}")
    if status in NEXT_STATUS:
        return
    job.finished_at = unix_now()
    if status == "succeeded":
        text = store.blobs.get(job.training_file).decode(errors="replace")
        job.trained_tokens = count_tokens(text)
        job.fine_tuned_model = f"ft:{job.model}:simulated:{job.suffix or ''}:{job.id[-8:]}"


def _tell(store: Store, job: Job, message: str) -> None:
    event = JobEvent(id=new_id("ftevent-"), created_at=unix_now(), message=message)
    store.add(event, parent=job.id)


ROUTES = (
    Route("POST", "/v1/fine_tuning/jobs", create),
    Route("GET", "/v1/fine_tuning/jobs", list_jobs),
    Route("GET", "/v1/fine_tuning/jobs/{id}", get),
    Route("POST", "/v1/fine_tuning/jobs/{id}/cancel", cancel),
    Route("GET", "/v1/fine_tuning/jobs/{id}/events", events),
    Route("GET", "/v1/fine_tuning/jobs/{id}/checkpoints", checkpoints),
)
