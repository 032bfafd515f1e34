from __future__ import annotations

import openai
import pytest


def test_a_stored_completion_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    chats = client.chat.completions
    stored = chats.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Remember me"}],
        store=True,
        metadata={"a": "1"},
    )
    assert chats.retrieve(stored.id).choices == stored.choices
    assert [item.id for item in chats.list(metadata={"a": "1"})] == [stored.id]
    assert list(chats.list(metadata={"a": "2"})) == []
    assert list(chats.list(model="gpt-4o")) == []
    chats.update(stored.id, metadata={"a": "2"})
    assert [item.id for item in chats.list(metadata={"a": "2"})] == [stored.id]
    assert chats.delete(stored.id).deleted
    with pytest.raises(openai.NotFoundError):
        chats.retrieve(stored.id)


def test_others_are_not_stored(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Forget me"}]
    )
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(completion.id)


def test_what_a_stored_completion_was_asked(lenient: openai.OpenAI) -> None:
    """With the lenient client: the SDK's model of these messages knows no role but the assistant's."""
    stored = lenient.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Remember me"}],
        store=True,
    )
    asked = [item.content for item in lenient.chat.completions.messages.list(stored.id)]
    assert asked == ["Be brief", "Remember me"]
