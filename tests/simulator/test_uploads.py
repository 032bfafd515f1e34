from __future__ import annotations

import openai
import pytest


def _upload(client: openai.OpenAI, size: int) -> str:
    upload = client.uploads.create(
        bytes=size, filename="big.txt", mime_type="text/plain", purpose="user_data"
    )
    assert (upload.status, upload.bytes) == ("pending", size)
    return upload.id


def test_parts_become_a_file_in_the_order_asked(client: openai.OpenAI) -> None:
    upload_id = _upload(client, 6)
    parts = [client.uploads.parts.create(upload_id, data=data).id for data in (b"two", b"one")]
    done = client.uploads.complete(upload_id, part_ids=parts[::-1])
    assert done.status == "completed"
    assert done.file is not None
    assert client.files.content(done.file.id).content == b"onetwo"


def test_a_wrong_size_is_refused(client: openai.OpenAI) -> None:
    upload_id = _upload(client, 6)
    part = client.uploads.parts.create(upload_id, data=b"one")
    with pytest.raises(openai.BadRequestError, match="3 bytes"):
        client.uploads.complete(upload_id, part_ids=[part.id])


def test_a_cancelled_upload_takes_no_more(client: openai.OpenAI) -> None:
    upload_id = _upload(client, 6)
    assert client.uploads.cancel(upload_id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="already cancelled"):
        client.uploads.parts.create(upload_id, data=b"one")
