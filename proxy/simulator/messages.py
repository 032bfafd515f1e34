"""Messages of a thread: https://platform.openai.com/docs/api-reference/messages"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Metadata, deleted, list_reply, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request, patched
from proxy.simulator.route import Route
from proxy.simulator.run_progress import settle
from proxy.simulator.store import Store
from proxy.simulator.thread_types import Message, Thread, text_part

MODIFIABLE = frozenset({"metadata"})


class MessageBody(msgspec.Struct):
    role: str
    content: str | list[Json]
    attachments: list[Json] | None = None
    metadata: Metadata | None = None


def create(request: Request) -> Answer:
    thread = request.store.get(Thread, request.params["thread_id"])
    run = settle(request.store, thread.id)
    if run is not None:
        raise GatewayError(400, f"Can't add messages to {thread.id} while a run {run.id} is active.")
    return reply(add_message(request.store, thread.id, request.body_as(MessageBody)))


def add_message(store: Store, thread_id: str, body: MessageBody) -> Message:
    if body.role not in {"user", "assistant"}:
        message = f"Invalid value: '{body.role}'. Supported values are: 'user' and 'assistant'."
        raise GatewayError(400, message, param="role", code="invalid_value")
    added = Message(
        id=new_id("msg_"),
        created_at=unix_now(),
        thread_id=thread_id,
        role=body.role,
        content=_parts(body.content),
        attachments=body.attachments or [],
        metadata=body.metadata or {},
    )
    store.add(added, parent=thread_id)
    return added


def list_messages(request: Request) -> Answer:
    thread = request.store.get(Thread, request.params["thread_id"])
    settle(request.store, thread.id)
    run_id = request.query.get("run_id")
    kept = [item for item in request.store.all(Message, thread.id) if run_id in {None, item.run_id}]
    return list_reply(kept, request)


def get(request: Request) -> Answer:
    return reply(_message(request))


def modify(request: Request) -> Answer:
    message = patched(_message(request), request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(message, parent=message.thread_id)
    return reply(message)


def delete(request: Request) -> Answer:
    message = _message(request)
    request.store.remove(Message, message.id, message.thread_id)
    return deleted(message.id, "thread.message.deleted")


def _message(request: Request) -> Message:
    thread = request.store.get(Thread, request.params["thread_id"])
    return request.store.get(Message, request.params["id"], thread.id)


def _parts(content: str | list[Json]) -> list[Json]:
    """Text goes in as a string and comes out as an object; images stay as they are."""
    if isinstance(content, str):
        return [text_part(content)]
    return [text_part(str(part.get("text", ""))) if part.get("type") == "text" else part for part in content]


ROUTES = (
    Route("POST", "/v1/threads/{thread_id}/messages", create),
    Route("GET", "/v1/threads/{thread_id}/messages", list_messages),
    Route("GET", "/v1/threads/{thread_id}/messages/{id}", get),
    Route("POST", "/v1/threads/{thread_id}/messages/{id}", modify),
    Route("DELETE", "/v1/threads/{thread_id}/messages/{id}", delete),
)
