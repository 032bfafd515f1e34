from __future__ import annotations

import openai
import pytest


def _file(client: openai.OpenAI, text: str) -> str:
    return client.files.create(file=("a.txt", text.encode()), purpose="assistants").id


def test_a_store_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="Books", file_ids=[_file(client, "x" * 100)])
    assert (store.name, store.file_counts.total, store.usage_bytes) == ("Books", 1, 100)
    assert client.vector_stores.update(store.id, name="More").name == "More"
    assert client.vector_stores.retrieve(store.id).name == "More"
    assert store.id in [item.id for item in client.vector_stores.list()]
    assert client.vector_stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError, match="No vector store found"):
        client.vector_stores.retrieve(store.id)


def test_search_ranks_by_shared_words(client: openai.OpenAI) -> None:
    cats, dogs = _file(client, "All about cats and their milk"), _file(client, "All about dogs")
    store = client.vector_stores.create(name="Animals", file_ids=[dogs, cats])
    results = list(client.vector_stores.search(store.id, query="cats milk"))
    assert [result.file_id for result in results] == [cats, dogs]
    assert results[0].score == 1.0
    assert results[0].content[0].text.startswith("All about cats")


def test_an_unknown_file_is_a_404(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.vector_stores.create(name="Books", file_ids=["file-none"])
