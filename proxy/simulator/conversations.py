"""Conversations: https://platform.openai.com/docs/api-reference/conversations"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Metadata, deleted, list_reply, reply
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request, patched
from proxy.simulator.response_items import input_items
from proxy.simulator.route import Route
from proxy.simulator.store import Store, Stored

MAX_ITEMS = 1_000
"""Per conversation; the oldest are forgotten."""
MODIFIABLE = frozenset({"metadata"})


class Conversation(Stored, tag_field="object", tag="conversation", kw_only=True):
    created_at: int = 0
    metadata: Metadata | None = msgspec.field(default_factory=dict)


class ConversationItems(Stored, kw_only=True):
    """What the conversation of this id holds, oldest first."""

    items: list[Json]


class ItemsBody(msgspec.Struct):
    items: list[Json] | None = None


def create(request: Request) -> Answer:
    conversation = request.body_as(Conversation)
    conversation.id, conversation.created_at = new_id("conv_"), unix_now()
    request.store.add(conversation)
    items = input_items(request.body_as(ItemsBody).items or [])
    request.store.add(ConversationItems(id=conversation.id, items=items))
    return reply(conversation)


def get(request: Request) -> Answer:
    return reply(_found(request))


def modify(request: Request) -> Answer:
    conversation = patched(_found(request), request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(conversation)
    return reply(conversation)


def delete(request: Request) -> Answer:
    conversation = request.store.remove(Conversation, request.params["id"])
    request.store.remove(ConversationItems, conversation.id)
    return deleted(conversation.id, "conversation.deleted")


def append_items(store: Store, conversation: Conversation, items: list[Json]) -> None:
    held = store.get(ConversationItems, conversation.id).items
    held += items
    del held[:-MAX_ITEMS]


def add_items(request: Request) -> Answer:
    items = input_items(request.body_as(ItemsBody).items or [])
    append_items(request.store, _found(request), items)
    return list_reply(items, request, order="asc")


def list_items(request: Request) -> Answer:
    return list_reply(_items(request), request)


def get_item(request: Request) -> Answer:
    return reply(_item(request))


def delete_item(request: Request) -> Answer:
    _items(request).remove(_item(request))
    return reply(_found(request))


def _found(request: Request) -> Conversation:
    return request.store.get(Conversation, request.params["id"])


def _items(request: Request) -> list[Json]:
    return request.store.get(ConversationItems, _found(request).id).items


def _item(request: Request) -> Json:
    item_id = request.params["item_id"]
    item = next((item for item in _items(request) if item["id"] == item_id), None)
    if item is None:
        raise GatewayError(404, f"Item with id '{item_id}' not found.")
    return item


ROUTES = (
    Route("POST", "/v1/conversations", create),
    Route("GET", "/v1/conversations/{id}", get),
    Route("POST", "/v1/conversations/{id}", modify),
    Route("DELETE", "/v1/conversations/{id}", delete),
    Route("POST", "/v1/conversations/{id}/items", add_items),
    Route("GET", "/v1/conversations/{id}/items", list_items),
    Route("GET", "/v1/conversations/{id}/items/{item_id}", get_item),
    Route("DELETE", "/v1/conversations/{id}/items/{item_id}", delete_item),
)
