from __future__ import annotations

import openai
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")


def test_a_thread_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    threads = client.beta.threads
    thread = threads.create(messages=[{"role": "user", "content": "Hello"}], metadata={"a": "1"})
    assert threads.retrieve(thread.id) == thread
    assert threads.update(thread.id, metadata={"a": "2"}).metadata == {"a": "2"}
    assert len(list(threads.messages.list(thread.id))) == 1
    assert threads.delete(thread.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No thread found with id '{thread.id}'."):
        threads.messages.list(thread.id)


def test_a_thread_belongs_to_its_key(client: openai.OpenAI, stranger: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    with pytest.raises(openai.NotFoundError, match=thread.id):
        stranger.beta.threads.retrieve(thread.id)


def test_messages_come_and_go(client: openai.OpenAI) -> None:
    thread_id = client.beta.threads.create().id
    messages = client.beta.threads.messages
    made = messages.create(thread_id, role="user", content=[{"type": "text", "text": "Solve 3x + 11 = 14"}])
    part = made.content[0]
    assert part.type == "text"
    assert part.text.value == "Solve 3x + 11 = 14"
    assert messages.retrieve(made.id, thread_id=thread_id) == made
    assert messages.update(made.id, thread_id=thread_id, metadata={"a": "1"}).metadata == {"a": "1"}
    assert messages.delete(made.id, thread_id=thread_id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No message found with id '{made.id}'."):
        messages.retrieve(made.id, thread_id=thread_id)


def test_a_wrong_role_is_refused(client: openai.OpenAI) -> None:
    thread_id = client.beta.threads.create().id
    with pytest.raises(openai.BadRequestError, match="system"):
        client.beta.threads.messages.create(
            thread_id, role="user", content="Hello", extra_body={"role": "system"}
        )
