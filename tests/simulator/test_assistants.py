from __future__ import annotations

import openai
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")


def test_an_assistant_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    assistants = client.beta.assistants
    made = assistants.create(model="gpt-4o", name="Math Tutor", instructions="You are a math tutor.")
    assert made.id.startswith("asst_")
    assert assistants.retrieve(made.id) == made
    changed = assistants.update(made.id, name="Tutor", metadata={"a": "1"})
    assert (changed.id, changed.name, changed.instructions) == (made.id, "Tutor", made.instructions)
    assert assistants.retrieve(made.id).metadata == {"a": "1"}
    assert made.id in [assistant.id for assistant in assistants.list()]
    assert assistants.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No assistant found with id '{made.id}'."):
        assistants.retrieve(made.id)


def test_a_change_cannot_touch_the_id(client: openai.OpenAI) -> None:
    made = client.beta.assistants.create(model="gpt-4o", extra_body={"id": "asst_mine"})
    assert made.id != "asst_mine"
    changed = client.beta.assistants.update(made.id, extra_body={"id": "asst_mine", "created_at": 1})
    assert (changed.id, changed.created_at) == (made.id, made.created_at)


def test_a_wrong_type_is_refused(client: openai.OpenAI) -> None:
    made = client.beta.assistants.create(model="gpt-4o")
    with pytest.raises(openai.BadRequestError, match="name"):
        client.beta.assistants.update(made.id, extra_body={"name": 5})
