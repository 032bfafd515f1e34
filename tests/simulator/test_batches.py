from __future__ import annotations

import json

import openai
import pytest

GOOD = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def _file(client: openai.OpenAI, *bodies: object) -> str:
    lines = [
        json.dumps({"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions", "body": body})
        for n, body in enumerate(bodies)
    ]
    return client.files.create(file=("in.jsonl", "\n".join(lines).encode()), purpose="batch").id


def _batch(client: openai.OpenAI, file_id: str) -> str:
    batch = client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert batch.status == "validating"
    return batch.id


def test_a_batch_moves_as_it_is_looked_at_and_answers_every_line(client: openai.OpenAI) -> None:
    batch_id = _batch(client, _file(client, GOOD, {"model": "gpt-4o"}, {**GOOD, "stream": True}))
    assert client.batches.retrieve(batch_id).status == "in_progress"
    batch = client.batches.retrieve(batch_id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 1, "failed": 2}
    good = json.loads(client.files.content(batch.output_file_id or "").text)
    assert good["custom_id"] == "r0"
    assert good["response"]["body"]["object"] == "chat.completion"
    bad = [json.loads(line) for line in client.files.content(batch.error_file_id or "").text.splitlines()]
    assert [(line["custom_id"], line["response"]["status_code"]) for line in bad] == [
        ("r1", 400),
        ("r2", 400),
    ]


@pytest.mark.parametrize("content", [b"not json", b"\n"])
def test_a_bad_file_fails_the_batch(client: openai.OpenAI, content: bytes) -> None:
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    batch = client.batches.retrieve(_batch(client, file.id))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data


def test_a_batch_can_be_cancelled_until_it_is_done(client: openai.OpenAI) -> None:
    batch_id = _batch(client, _file(client, GOOD))
    assert client.batches.cancel(batch_id).status == "cancelling"
    assert client.batches.retrieve(batch_id).status == "cancelled"
    assert batch_id in [batch.id for batch in client.batches.list()]
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch_id)


def test_what_the_api_refuses(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        _batch(client, "file-none")
    with pytest.raises(openai.BadRequestError, match="Supported values"):
        client.batches.create(
            input_file_id=_file(client, GOOD),
            endpoint="/v1/embeddings",
            completion_window="24h",
            extra_body={"endpoint": "/v1/files"},
        )
