"""Assistants v2: https://platform.openai.com/docs/api-reference/assistants"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Answer, Json, Metadata, deleted, list_reply, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request, patched
from proxy.simulator.route import Route
from proxy.simulator.store import Stored


class Assistant(Stored, tag_field="object", tag="assistant", kw_only=True):
    model: str
    name: str | None = None
    description: str | None = None
    instructions: str | None = None
    tools: list[Json] = msgspec.field(default_factory=list)
    tool_resources: Json | None = None
    metadata: Metadata | None = msgspec.field(default_factory=dict)
    temperature: float | None = 1.0
    top_p: float | None = 1.0
    response_format: object = "auto"
    reasoning_effort: str | None = None
    created_at: int = 0


MODIFIABLE = frozenset(Assistant.__struct_fields__) - {"id", "created_at"}


def create(request: Request) -> Answer:
    assistant = request.body_as(Assistant)
    assistant.id, assistant.created_at = new_id("asst_"), unix_now()
    request.store.add(assistant)
    return reply(assistant)


def list_assistants(request: Request) -> Answer:
    return list_reply(request.store.all(Assistant), request)


def get(request: Request) -> Answer:
    return reply(request.store.get(Assistant, request.params["id"]))


def modify(request: Request) -> Answer:
    assistant = request.store.get(Assistant, request.params["id"])
    assistant = patched(assistant, request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(assistant)
    return reply(assistant)


def delete(request: Request) -> Answer:
    assistant = request.store.remove(Assistant, request.params["id"])
    return deleted(assistant.id, "assistant.deleted")


ROUTES = (
    Route("POST", "/v1/assistants", create),
    Route("GET", "/v1/assistants", list_assistants),
    Route("GET", "/v1/assistants/{id}", get),
    Route("POST", "/v1/assistants/{id}", modify),
    Route("DELETE", "/v1/assistants/{id}", delete),
)
