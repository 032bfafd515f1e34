from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounting.usage import JSON_LIMIT_BYTES, TAIL_BYTES, JsonUsageTap, NullTap, Tail
from proxy.types import Usage

CHAT = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
}
RESPONSES = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 123,
}


def read(body: bytes, split_bytes: int | None = None) -> JsonUsageTap:
    tap = JsonUsageTap()
    step = split_bytes or len(body) or 1
    for at in range(0, len(body), step):
        tap.feed(body[at : at + step])
    return tap


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (CHAT, Usage(19, 10, 29, 5, 7, audio_input_tokens=0, audio_output_tokens=0)),
        (RESPONSES, Usage(36, 87, 123, 0, 0)),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8, None, 8)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0, 0)),
        ({"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(1)),
        ({"type": "duration", "seconds": 9}, Usage(seconds=9)),
        ({}, None),
        (None, None),
        (5, None),
        ({"prompt_tokens": -1}, None),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": 10**30}, None),
    ],
)
@pytest.mark.parametrize("split_bytes", [None, 1, 7])
def test_the_usage_of_one_json_answer(said: object, usage: Usage | None, split_bytes: int | None) -> None:
    body = json.dumps({"id": "x", "choices": [{"usage": {"prompt_tokens": 99}}], "usage": said}).encode()
    assert read(body, split_bytes).result() == usage


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"not json", b'{"usage": {"prompt_tokens": 1', b'{"model": "\xff"}']
)
def test_an_answer_that_says_nothing_readable_says_nothing(body: bytes) -> None:
    tap = read(body)
    assert tap.result() is None
    assert tap.model is None
    assert tap.finish_seen


def test_the_model_named_by_the_answer() -> None:
    tap = read(b'{"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 1}}')
    assert tap.result() == Usage(1)
    assert tap.model == "gpt-4o-2024-08-06"
    assert tap.result() == Usage(1), "asking twice changes nothing"


LARGE = [0.25] * (JSON_LIMIT_BYTES // 5)


@pytest.mark.parametrize("split_bytes", [None, 999, 65_536])
def test_of_a_large_answer_only_the_tail_is_kept(split_bytes: int | None) -> None:
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    body = json.dumps({"usage": {"prompt_tokens": 1}, "data": LARGE, "text": '"usage": {', "usage ": 1})
    body = body[:-1] + f', "usage":{json.dumps(usage)}, "model": "m"}}'
    tap = read(body.encode(), split_bytes)
    assert tap.result() == Usage(8, None, 8)


@pytest.mark.parametrize(
    "end", ["", ', "usage": null', ', "usage": {"prompt_tokens": ', ', "usage": {"prompt_tokens": "x"}']
)
def test_a_large_answer_without_a_usage_at_its_end_says_nothing(end: str) -> None:
    assert read(json.dumps({"data": LARGE})[:-1].encode() + end.encode() + b"}").result() is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=3 * TAIL_BYTES), max_size=6))
def test_a_tail_is_bounded_and_ends_as_the_text_does(pieces: list[bytes]) -> None:
    text = b"start" + b"".join(pieces)
    tail = Tail(b"start")
    for piece in pieces:
        tail.feed(piece)
    held = bytes(tail._held)
    assert len(held) <= 2 * TAIL_BYTES
    assert held[-TAIL_BYTES:] == text[-TAIL_BYTES:]


def test_a_null_tap_says_nothing() -> None:
    tap = NullTap()
    tap.feed(b'{"usage": {"prompt_tokens": 1}}')
    assert (tap.result(), tap.model, tap.finish_seen) == (None, None, True)
