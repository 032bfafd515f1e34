"""A batch's results say what each request used: counted when they are fetched, all together, at batches' prices."""

from __future__ import annotations

import json

import pytest

from proxy.accounting.batches import MAX_LINE_BYTES, BatchResultsTap, results_id
from proxy.types import Usage


def openai(number: int, sent: int = 10, made: int = 5, text: str = "x", **usage: object) -> str:
    body = {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
        "choices": [{"message": {"content": text}}], "service_tier": "default",
        "usage": {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made, **usage},
    }  # fmt: skip
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps(
        {"id": f"batch_req_{number}", "custom_id": str(number), "response": response, "error": None}
    )


FAILED = json.dumps(
    {"id": "batch_req_9", "custom_id": "9", "response": None, "error": {"code": "batch_expired"}}
)
ANTHROPIC = json.dumps({
    "custom_id": "a", "result": {"type": "succeeded", "message": {
        "type": "message", "model": "claude-opus-4-7",
        "usage": {"input_tokens": 11, "cache_read_input_tokens": 4, "output_tokens": 36}}},
})  # fmt: skip


def read(text: str, size: int | None = None) -> BatchResultsTap:
    tap, body = BatchResultsTap(), text.encode()
    size = size or len(body) or 1
    for at in range(0, len(body), size):
        tap.feed(body[at : at + size])
    return tap


@pytest.mark.parametrize("size", [None, 1, 7, 400])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_lines_are_added_up(size, end):
    details = {"prompt_tokens_details": {"cached_tokens": 4}}
    tap = read("\n".join([openai(1), FAILED, openai(2, 20, 7, **details)]) + end, size)
    assert tap.result() == Usage(30, 12, 42, 4, tier="batch", requests=3)
    assert tap.model == "gpt-4o-2024-08-06"
    assert tap.result() == Usage(30, 12, 42, 4, tier="batch", requests=3), "asking twice changes nothing"


def test_anthropics():
    tap = read(f"{ANTHROPIC}\n{ANTHROPIC}\n")
    assert tap.result() == Usage(30, 72, 102, 8, tier="batch", requests=2)
    assert tap.model == "claude-opus-4-7"


def test_a_line_too_long_to_hold_says_its_usage_at_its_end():
    tap = read("\n".join([openai(1), openai(2, text="y" * 2 * MAX_LINE_BYTES), openai(3)]), 65_536)
    assert tap.result() == Usage(30, 15, 45, tier="batch", requests=3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id,name\n1,x\n",
        '{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n',
        '{"messages":[{"role":"user","content":"x"}]}\n' + "\n".join([openai(1)]),
        "\x00\xff",
        '{"usage":{"prompt_tokens":5}}',
    ],
)
def test_other_files_have_none(text):
    tap = read(text)
    assert tap.result() is None


@pytest.mark.parametrize(
    ("method", "path", "id_"),
    [
        (b"GET", b"/files/file-1/content", "file-1"),
        (b"GET", b"/v1/files/file-1/content", "file-1"),
        (b"GET", b"/v1/messages/batches/msgbatch_1/results", "msgbatch_1"),
        (b"POST", b"/files/file-1/content", None),
        (b"GET", b"/files/file-1", None),
        (b"GET", b"/batches/batch_1", None),
    ],
)
def test_where_results_are(method, path, id_):
    assert results_id(method, path) == id_
