from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.family import family_of, resource_of


@pytest.mark.parametrize(
    ("method", "path", "family"),
    [
        (b"POST", b"/v1/chat/completions", "chat"),
        (b"POST", b"/chat/completions", "chat"),
        (b"POST", b"chat/completions", "chat"),
        (b"GET", b"/v1/chat/completions/chatcmpl-1", "chat.read"),
        (b"POST", b"/v1/responses", "responses"),
        (b"POST", b"/v1/embeddings", "embeddings"),
        (b"POST", b"/v1/images/edits", "images"),
        (b"POST", b"/v1/audio/speech", "audio"),
        (b"POST", b"/v1/files", "files"),
        (b"GET", b"/v1/files/file-1/content", "files.read"),
        (b"HEAD", b"/v1/files", "files.read"),
        (b"DELETE", b"/v1/files/file-1", "files"),
        (b"POST", b"/v1/batches", "batches"),
        (b"POST", b"/v1/fine_tuning/jobs", "fine_tuning"),
        (b"POST", b"/v1/threads/thread_1/runs", "threads"),
        (b"GET", b"/v1/assistants", "assistants.read"),
        (b"POST", b"/v1/vector_stores", "vector_stores"),
        (b"GET", b"/v1/organization/users", "organization.read"),
        (b"POST", b"/v1/projects/p/keys", "organization"),
        (b"GET", b"/v1/models", "models.read"),
        (b"POST", b"/v1/live/sessions", "realtime"),
        (b"POST", b"/v1/new-thing", "other"),
        (b"POST", b"/v1", "other"),
        (b"POST", b"", "other"),
        (b"POST", b"//v1/chat/completions", "chat"),
    ],
)
def test_table(method: bytes, path: bytes, family: str) -> None:
    assert family_of(method, path) == family


def test_what_may_be_read_and_written_is_one_resource() -> None:
    assert resource_of("files.read") == resource_of("files") == "files"


@given(st.lists(st.binary(max_size=12), max_size=4).map(b"/".join))
def test_clients_do_not_choose_the_names(path: bytes) -> None:
    family = family_of(b"POST", path)
    assert family == "other" or family.encode() in path or family in ("organization", "realtime")
    msgspec.json.encode(family)
