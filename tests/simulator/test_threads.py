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
