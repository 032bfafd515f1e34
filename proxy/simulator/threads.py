"""Threads: https://platform.openai.com/docs/api-reference/threads"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Answer, Json, Metadata, deleted, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.messages import MessageBody, add_message
from proxy.simulator.request import Request, patched
from proxy.simulator.route import Route
from proxy.simulator.store import Store
from proxy.simulator.thread_types import Thread, delete_thread

MODIFIABLE = frozenset({"metadata", "tool_resources"})


class ThreadBody(msgspec.Struct):
    messages: list[MessageBody] | None = None
    metadata: Metadata | None = None
    tool_resources: Json | None = None


def create(request: Request) -> Answer:
    return reply(new_thread(request.store, request.body_as(ThreadBody)))


def new_thread(store: Store, body: ThreadBody) -> Thread:
    thread = Thread(
        id=new_id("thread_"),
        created_at=unix_now(),
        metadata=body.metadata or {},
        tool_resources=body.tool_resources or {},
    )
    store.add(thread)
    for message in body.messages or ():
        add_message(store, thread.id, message)
    return thread


def get(request: Request) -> Answer:
    return reply(request.store.get(Thread, request.params["id"]))


def modify(request: Request) -> Answer:
    thread = request.store.get(Thread, request.params["id"])
    thread = patched(thread, request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(thread)
    return reply(thread)


def delete(request: Request) -> Answer:
    delete_thread(request.store, request.params["id"])
    return deleted(request.params["id"], "thread.deleted")


ROUTES = (
    Route("POST", "/v1/threads", create),
    Route("GET", "/v1/threads/{id}", get),
    Route("POST", "/v1/threads/{id}", modify),
    Route("DELETE", "/v1/threads/{id}", delete),
)
