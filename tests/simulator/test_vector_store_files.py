from __future__ import annotations

import openai


def _file(client: openai.OpenAI, text: str) -> str:
    return client.files.create(file=("a.txt", text.encode()), purpose="assistants").id


def test_files_come_and_go_and_stay_files(client: openai.OpenAI) -> None:
    store_id, file_id = client.vector_stores.create(name="Books").id, _file(client, "some text")
    files = client.vector_stores.files
    added = files.create(store_id, file_id=file_id, attributes={"year": 1990})
    assert (added.id, added.status, added.attributes) == (file_id, "completed", {"year": 1990})
    updated = files.update(file_id, vector_store_id=store_id, attributes={"year": 2000})
    assert updated.attributes == {"year": 2000}
    assert [file.id for file in files.list(store_id)] == [file_id]
    assert [part.text for part in files.content(file_id, vector_store_id=store_id)] == ["some text"]
    assert files.delete(file_id, vector_store_id=store_id).deleted
    assert list(files.list(store_id)) == []
    assert client.files.content(file_id).text == "some text"


def test_a_batch_of_files(client: openai.OpenAI) -> None:
    store_id = client.vector_stores.create(name="Books").id
    batches = client.vector_stores.file_batches
    batch = batches.create(store_id, file_ids=[_file(client, "one"), _file(client, "two")])
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    assert batches.retrieve(batch.id, vector_store_id=store_id) == batch
    assert len(list(batches.list_files(batch.id, vector_store_id=store_id))) == 2
    assert client.vector_stores.retrieve(store_id).file_counts.total == 2
