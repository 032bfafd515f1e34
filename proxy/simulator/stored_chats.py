"""Completions created with `store: true`: https://platform.openai.com/docs/api-reference/chat/list"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Answer, deleted, list_reply, reply
from proxy.simulator.chat import ChatCompletion, ChatMessageItem
from proxy.simulator.request import Request
from proxy.simulator.route import Route


class ChatChanges(msgspec.Struct):
    metadata: dict[str, str]


def list_completions(request: Request) -> Answer:
    kept = request.store.all(ChatCompletion)
    model = request.query.get("model")
    matching = [item for item in kept if model in {None, item.model} and _has_metadata(item, request.query)]
    return list_reply(matching, request, order="asc")


def get(request: Request) -> Answer:
    return reply(request.store.get(ChatCompletion, request.params["id"]))


def modify(request: Request) -> Answer:
    completion = request.store.get(ChatCompletion, request.params["id"])
    completion.metadata = request.body_as(ChatChanges).metadata
    return reply(completion)


def delete(request: Request) -> Answer:
    completion = request.store.remove(ChatCompletion, request.params["id"])
    request.store.clear(ChatMessageItem, completion.id)
    return deleted(completion.id, "chat.completion.deleted")


def messages(request: Request) -> Answer:
    completion = request.store.get(ChatCompletion, request.params["id"])
    return list_reply(request.store.all(ChatMessageItem, completion.id), request, order="asc")


def _has_metadata(item: ChatCompletion, query: dict[str, str]) -> bool:
    wanted = {key[9:-1]: value for key, value in query.items() if key.startswith("metadata[")}
    return not wanted or (isinstance(item.metadata, dict) and wanted.items() <= item.metadata.items())


ROUTES = (
    Route("GET", "/v1/chat/completions", list_completions),
    Route("GET", "/v1/chat/completions/{id}", get),
    Route("POST", "/v1/chat/completions/{id}", modify),
    Route("DELETE", "/v1/chat/completions/{id}", delete),
    Route("GET", "/v1/chat/completions/{id}/messages", messages),
)
