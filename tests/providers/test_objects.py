from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.providers.objects import (
    MAX_ID_CHARS,
    MAX_LEARNED,
    MAX_LISTED,
    MAX_LOOK_BYTES,
    MAX_LOOK_EVENTS,
    MAX_NAMES,
    IdTap,
    could_be_id,
    forgotten,
    names_in_body,
    names_in_path,
    names_in_query,
    stateful,
)

SCAN = 1024 * 1024
JSON = b"application/json"
SSE = b"text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (b"/v1/chat/completions", []),
        (b"/v1/files/file-abc123/content", ["file-abc123"]),
        (b"/threads/thread_1/runs/run_2/submit_tool_outputs", ["thread_1", "run_2"]),
        (b"/v1/vector_stores/vs_1/file_batches/vsfb_2/cancel", ["vs_1", "vsfb_2"]),
        (b"/v1/fine_tuning/jobs/ftjob-1/checkpoints", ["ftjob-1"]),
        (b"/v1/skills/skill_1/versions/2", ["skill_1"]),
        (b"/v1/models/ft:gpt-4o:org::abc", ["ft:gpt-4o:org::abc"]),
        (b"/v1/files/file%2Fabc%2D1", ["file/abc-1"]),
        (b"/v1/batches/0123456789abcdef01234567", ["0123456789abcdef01234567"]),
        (b"/v1/files/" + b"a-" * MAX_ID_CHARS, []),
        (b"", []),
        (b"//", []),
        (b"/a_b" * 1000, ["a_b"] * 31),
    ],
)
def test_the_ids_of_a_path(path: bytes, names: list[str]) -> None:
    assert names_in_path(path) == names


OPENAI_FAMILIES = (
    b"/v1/assistants", b"/v1/audio/voice_consents", b"/v1/fine_tuning/alpha/graders/run",
    b"/v1/realtime/client_secrets",
    b"/v1/organization/usage/code_interpreter_sessions", b"/v1/responses/input_tokens", b"/v1/vector_stores",
    b"/v1/organization/workload_identity_providers", b"/v1/webhook_endpoints", b"/v1/content_provenance_checks",
)  # fmt: skip


@pytest.mark.parametrize("path", OPENAI_FAMILIES)
def test_the_words_of_openais_paths_are_no_ids(path: bytes) -> None:
    assert names_in_path(path) == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (b"", []),
        (b"limit=20&order=desc&after=file-abc&purpose=batch", ["file-abc"]),
        (b"before=msg_1&run_id=run_2", ["msg_1", "run_2"]),
        (b"file_id%5B%5D=file-1&file_id[]=file-2", ["file-1", "file-2"]),
        (b"after=file%2Dabc+d", ["file-abc d"]),
        (b"after=&thereafter=file-1", []),
        (b"include[]=a-b", []),
    ],
)
def test_the_ids_of_a_query(query: bytes, names: list[str]) -> None:
    assert names_in_query(query) == names


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi-there"}]}, []),
        ({"previous_response_id": "resp_1"}, ["resp_1"]),
        ({"conversation": "conv_1"}, ["conv_1"]),
        ({"conversation": {"id": "conv_1"}}, ["conv_1"]),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]}, ["vs_1", "vs_2"]),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, ["cntr_1"]),
        ({"tools": [{"container": {"type": "auto", "file_ids": ["file-1"]}}]}, ["file-1"]),
        ({"training_file": "file-1", "validation_file": "file-2"}, ["file-1", "file-2"]),
        ({"input": [{"content": [{"type": "input_file", "file_id": "file-1"}]}]}, ["file-1"]),
        ({"input_file_id": "file-1", "endpoint": "/v1/chat/completions"}, ["file-1"]),
        ({"prompt": {"id": "pmpt_1", "version": "2"}}, ["pmpt_1"]),
        ({"content": 'She said: "file_id": "file-1"'}, []),
        ({"id": 5, "file_id": None, "thread_ids": [], "container": {}}, []),
        ({"file_id": "café-1"}, []),
    ],
)
def test_the_ids_of_a_body(body: object, names: list[str]) -> None:
    assert names_in_body(json.dumps(body).encode(), SCAN) == names
    assert names_in_body(json.dumps(body, indent=1).encode(), SCAN) == names
    assert names_in_body(json.dumps(body, separators=(",", ":")).encode(), SCAN) == names


def test_a_body_is_read_to_its_limit_and_names_are_bounded() -> None:
    assert names_in_body(b'{"x": "' + b" " * 100 + b'", "file_id": "file-1"}', 100) == []
    assert len(names_in_body(b'{"file_id": "file-1"}' * 1000, SCAN)) == MAX_NAMES
    many = json.dumps({"file_ids": [f"file-{number}" for number in range(1000)]}).encode()
    assert len(names_in_body(many, SCAN)) == MAX_NAMES


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_them_raise(data: bytes) -> None:
    names_in_path(data)
    names_in_query(b"after=" + data)
    names_in_body(b'{"file_id":"' + data, SCAN)
    for content_type in (JSON, SSE):
        tap = IdTap(content_type)
        tap.feed(b'data: {"id":' + data + b"}\n\n" if content_type == SSE else b'{"id":' + data + b"}")
        tap.ids()


@pytest.mark.parametrize(
    ("method", "path", "store", "kept"),
    [
        (b"POST", b"/chat/completions", None, False),
        (b"POST", b"/chat/completions", False, False),
        (b"POST", b"/chat/completions", True, True),
        (b"GET", b"/chat/completions", None, True),
        (b"POST", b"/responses", None, True),
        (b"POST", b"/responses", True, True),
        (b"POST", b"/responses", False, False),
        (b"POST", b"/responses/resp_1/cancel", None, True),
        (b"POST", b"/embeddings", None, False),
        (b"POST", b"/completions", None, False),
        (b"POST", b"/moderations", None, False),
        (b"POST", b"/images/edits", None, False),
        (b"POST", b"/audio/transcriptions", None, False),
        (b"POST", b"/realtime/client_secrets", None, False),
        (b"GET", b"/models", None, False),
        (b"GET", b"/models/gpt-4o", None, False),
        (b"DELETE", b"/models/ft:gpt-4o:org::abc", None, True),
        (b"POST", b"/files", None, True),
        (b"GET", b"/files", None, True),
        (b"POST", b"/assistants", None, True),
        (b"POST", b"/an_endpoint_of_tomorrow", None, True),
    ],
)
@pytest.mark.parametrize("prefix", [b"", b"/v1"])
def test_which_requests_make_or_use_what_an_upstream_keeps(
    prefix: bytes, method: bytes, path: bytes, store: bool | None, kept: bool
) -> None:
    assert stateful(method, prefix + path, store) is kept


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        (b"DELETE", b"/v1/files/file-1", 200, "file-1"),
        (b"DELETE", b"/files/file%2D1", 204, "file-1"),
        (b"DELETE", b"/v1/chat/completions/chatcmpl-1", 200, "chatcmpl-1"),
        (b"DELETE", b"/v1/files/file-1", 404, None),
        (b"GET", b"/v1/files/file-1", 200, None),
        (b"DELETE", b"/v1/vector_stores/vs_1/files/file-1", 200, None),
        (b"DELETE", b"/v1/vector_stores/vs_1/files", 200, None),
        (b"DELETE", b"/v1/vector_stores", 200, None),
    ],
)
def test_what_a_delete_removes(method: bytes, path: bytes, status: int, name: str | None) -> None:
    assert forgotten(method, path, status) == name


def learned(content_type: bytes, body: bytes, split_bytes: int = 64) -> tuple[str, ...]:
    tap = IdTap(content_type)
    for at in range(0, len(body), split_bytes):
        tap.feed(body[at : at + split_bytes])
    return tap.ids()


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"id": "file-1", "object": "file", "metadata": {"id": "file-of-another"}}, ("file-1",)),
        ({"id": "run_1", "thread_id": "thread_1", "assistant_id": "asst_1"}, ("run_1", "thread_1", "asst_1")),
        ({"id": "batch_1", "output_file_id": "file-1", "error_file_id": None}, ("batch_1", "file-1")),
        (
            {"object": "list", "data": [{"id": "file-1"}, {"id": "file-2"}], "last_id": "file-2"},
            ("file-1", "file-2"),
        ),
        ({"id": "upload_1", "file": {"id": "file-1"}}, ("upload_1", "file-1")),
        ({"id": "ftjob-1", "result_files": ["file-1"]}, ("ftjob-1", "file-1")),
        (
            {
                "id": "resp_1",
                "conversation": {"id": "conv_1"},
                "output": [{"id": "msg_1", "container_id": "cntr_1"}],
            },
            ("resp_1", "conv_1", "msg_1", "cntr_1"),
        ),
        ({"id": 5, "data": "not-a-list", "output": "thread_forged", "file": "text-text"}, ()),
        ({"id": "file-1", "data": [1, None, "text-text", {"id": []}]}, ("file-1",)),
        ({"data": {"data": {"data": {"data": {"data": {"id": "too-deep"}}}}}}, ()),
        ([{"id": "file-1"}], ("file-1",)),
        ("text-text", ()),
    ],
)
@pytest.mark.parametrize("split_bytes", [1, 10_000])
def test_the_ids_of_an_answer(answer: object, ids: tuple[str, ...], split_bytes: int) -> None:
    assert learned(JSON, json.dumps(answer).encode(), split_bytes) == ids


def event(name: str, fields: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(fields)}\n\n".encode()


RUN = event("thread.created", {"id": "thread_1"}) + event(
    "thread.run.created", {"id": "run_1", "thread_id": "thread_1"}
)
RESPONSE = event(
    "response.created", {"type": "response.created", "response": {"id": "resp_1", "output": []}}
) + event("response.output_item.added", {"item": {"id": "msg_1", "type": "message"}})


@pytest.mark.parametrize(("stream", "ids"), [(RUN, ("thread_1", "run_1")), (RESPONSE, ("resp_1", "msg_1"))])
def test_the_ids_of_a_stream(stream: bytes, ids: tuple[str, ...]) -> None:
    for split_bytes in range(1, len(stream) + 1):
        assert learned(SSE, stream + b"data: [DONE]\n\n", split_bytes) == ids


def test_a_streams_ids_are_known_while_it_runs() -> None:
    tap = IdTap(SSE)
    tap.feed(RESPONSE[:-1])
    assert tap.ids() == ("resp_1",)
    tap.feed(RESPONSE[-1:])
    assert tap.ids() == ("resp_1", "msg_1")


def test_only_the_first_events_are_read() -> None:
    stream = b"".join(event("x", {"id": f"msg_{number}"}) for number in range(100))
    for split_bytes in (10, 100, 10_000):
        assert len(learned(SSE, stream, split_bytes)) == MAX_LOOK_EVENTS


def test_a_long_answer_is_known_by_the_id_it_begins_with() -> None:
    text = "x" * MAX_LOOK_BYTES
    assert learned(JSON, json.dumps({"id": "resp_1", "text": text}).encode(), 4096) == ("resp_1",)
    created = event("response.created", {"response": {"id": "resp_1", "instructions": text}})
    assert learned(SSE, created, 4096) == ("resp_1",)
    assert learned(JSON, json.dumps({"text": text, "id": "resp_1"}).encode(), 4096) == ()


def test_what_is_learned_and_held_is_bounded() -> None:
    assert (
        len(learned(JSON, json.dumps({"data": [{"id": f"m_{n}"} for n in range(1000)]}).encode()))
        == MAX_LISTED
    )
    assert (
        len(learned(JSON, json.dumps({"file_ids": [f"f_{n}" for n in range(1000)]}).encode())) == MAX_LEARNED
    )
    tap = IdTap(JSON)
    for _ in range(100):
        tap.feed(b" " * 65_536)
    assert sum(map(len, tap._pieces)) == MAX_LOOK_BYTES


@pytest.mark.parametrize("content_type", [b"", b"audio/mpeg", b"application/octet-stream", b"text/plain"])
def test_other_bodies_name_nothing(content_type: bytes) -> None:
    assert learned(content_type, b'{"id": "file-1"}') == ()


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"id": "file-1"', b"\x1f\x8b\x08\x00", b'{"id": "\xff"}', b"[" * 100_000]
)
def test_what_cannot_be_read_names_nothing(body: bytes) -> None:
    assert learned(JSON, body) == ()


def test_ids_and_words() -> None:
    assert could_be_id("asst_1")
    assert not could_be_id("vector_stores")
    assert not could_be_id("2")
    assert not could_be_id("a-" * MAX_ID_CHARS)
