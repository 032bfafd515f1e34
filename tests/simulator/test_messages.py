from __future__ import annotations

import openai
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")


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
