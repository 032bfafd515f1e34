from __future__ import annotations

import openai
import pytest


def test_a_conversation_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(
        metadata={"topic": "a"}, items=[{"type": "message", "role": "user", "content": "Hello"}]
    )
    assert conversation.id.startswith("conv_")
    assert client.conversations.update(conversation.id, metadata={"topic": "b"}).metadata == {"topic": "b"}
    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "b"}
    assert len(list(client.conversations.items.list(conversation.id))) == 1
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.conversations.retrieve(conversation.id)


def test_items_come_and_go(client: openai.OpenAI) -> None:
    conversation_id = client.conversations.create().id
    items = client.conversations.items
    added = items.create(conversation_id, items=[{"role": "user", "content": "Hello"}]).data[0]
    assert added.type == "message"
    assert items.retrieve(added.id, conversation_id=conversation_id) == added
    items.delete(added.id, conversation_id=conversation_id)
    with pytest.raises(openai.NotFoundError, match="Item with id"):
        items.retrieve(added.id, conversation_id=conversation_id)


def test_a_response_adds_its_turn(client: openai.OpenAI) -> None:
    conversation_id = client.conversations.create().id
    response = client.responses.create(model="gpt-4o", input="Hello", conversation=conversation_id)
    assert response.conversation is not None
    assert response.conversation.id == conversation_id
    items = list(client.conversations.items.list(conversation_id, order="asc"))
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant"]
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="gpt-4o", input="Hello", conversation="conv_none")
