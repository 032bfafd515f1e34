"""Whatever is sent to whichever route: an answer or an error in the API's own shape, never a crash."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Stream
from proxy.simulator.assistants import Assistant
from proxy.simulator.conversations import Conversation, ConversationItems
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Store
from proxy.simulator.table import ROUTES
from proxy.simulator.thread_types import Thread
from proxy.simulator.vector_stores import VectorStore

ID = "x_1"
"""Of every object that is there."""
MESSAGE_FIELDS = ("role", "content", "type", "text", "output")
TOOL_FIELDS = ("tools", "type", "function", "name", "parameters", "properties", "format", "schema")
BODY_FIELDS = (
    "model",
    "input",
    "messages",
    "prompt",
    "stream",
    "n",
    "thread",
    "assistant_id",
    "items",
    "query",
)
FIELDS = st.sampled_from(sorted({*MESSAGE_FIELDS, *TOOL_FIELDS, *BODY_FIELDS, "metadata", "response_format"}))
LEAVES = st.none() | st.booleans() | st.integers(-2, 200) | st.text(max_size=5) | FIELDS | st.just(ID)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
USUAL = {"model": "m", "input": "i", "messages": [{"role": "user", "content": "c"}], "assistant_id": ID}
"""Gets most bodies past the required fields."""
POSTS = [route for route in ROUTES if route.method == "POST"]


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
@settings(max_examples=10, deadline=None)
@given(body=st.dictionaries(FIELDS, JSON, max_size=6))
def test_no_body_crashes_a_route(route: Route, body: dict[str, object]) -> None:
    for sent in (body, {**USUAL, **body}):
        answer = _ask(route, json.dumps(sent).encode())
        if isinstance(answer, Stream):
            assert all(event.endswith(b"\n\n") for event in answer.events)
            continue
        assert answer.status < 500
        if answer.content_type == "application/json":
            msgspec.json.decode(answer.body)


def _ask(route: Route, body: bytes) -> Answer:
    names = ("id", "thread_id", "file_id", "batch_id")
    request = Request(
        query={},
        content_type="application/json",
        body=body,
        store=_furnished(),
        params=dict.fromkeys(names, ID),
    )
    try:
        return route.handle(request)
    except GatewayError as error:
        return error.reply()


def _furnished() -> Store:
    store = Store()
    store.add(Assistant(id=ID, model="m"))
    store.add(Thread(id=ID))
    store.add(VectorStore(id=ID))
    store.add(Conversation(id=ID))
    store.add(ConversationItems(id=ID, items=[]))
    return store
