from __future__ import annotations

import openai
import pytest


def test_a_file_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    file = client.files.create(file=("notes.txt", b"some notes\r\n--"), purpose="user_data")
    assert file.id.startswith("file-")
    assert (file.filename, file.bytes, file.status) == ("notes.txt", 14, "processed")
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == b"some notes\r\n--"
    assert file.id in [item.id for item in client.files.list(purpose="user_data")]
    assert file.id not in [item.id for item in client.files.list(purpose="vision")]
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
        client.files.content(file.id)


def test_a_file_belongs_to_its_key(client: openai.OpenAI, stranger: openai.OpenAI) -> None:
    file = client.files.create(file=("mine.txt", b"mine"), purpose="assistants")
    assert list(stranger.files.list()) == []
    with pytest.raises(openai.NotFoundError):
        stranger.files.retrieve(file.id)


def test_pages_follow_each_other(client: openai.OpenAI) -> None:
    own = client.with_options(api_key="sk-sim-pages")
    ids = [own.files.create(file=(f"{n}.txt", b"."), purpose="vision").id for n in range(5)]
    page = own.files.list(limit=2)
    assert ([file.id for file in page.data], page.has_more) == ([ids[4], ids[3]], True)
    assert [file.id for file in page] == ids[::-1]
    assert [file.id for file in own.files.list(order="asc", limit=3)] == ids


@pytest.mark.parametrize("limit", ["0", "10001", "x"])
def test_a_wrong_limit_is_refused(client: openai.OpenAI, limit: str) -> None:
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.files.list(extra_query={"limit": limit})


def test_a_wrong_purpose_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not one of"):
        client.files.create(file=("a.txt", b"."), purpose="user_data", extra_body={"purpose": "fun"})
