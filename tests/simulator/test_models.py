from __future__ import annotations

import openai
import pytest


def test_the_list_and_each_of_it(client: openai.OpenAI) -> None:
    models = list(client.models.list())
    assert {"gpt-4o", "gpt-4o-mini", "text-embedding-3-small"} <= {model.id for model in models}
    assert client.models.retrieve(models[0].id) == models[0]


@pytest.mark.parametrize("name", ["anything", "openai/gpt-4o"])
def test_any_model_is_there(client: openai.OpenAI, name: str) -> None:
    assert client.models.retrieve(name).id == name
