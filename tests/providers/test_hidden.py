"""Where errors hide, per dialect, and what status they would have had."""

from __future__ import annotations

import pytest

from proxy.accounting.suspects import MAX_BYTES, suspect, suspects_in
from proxy.providers.hidden import fits, in_answer, looked_into
from proxy.providers.outcome import result_of
from proxy.providers.verdict import Asked, verdict
from proxy.types import Layer, ResultKind

CHAT = Asked("openai", "chat", "m")
ERRORS = {
    "a code that is a status": (b'{"error":{"code":429,"message":"slow"}}', 429, ResultKind.RATE_LIMITED),
    "quota": (b'{"error":{"code":"insufficient_quota"}}', 403, ResultKind.AUTH),
    "a wrong key": (b'{"error":{"code":"invalid_api_key"}}', 401, ResultKind.AUTH),
    "a model": (b'{"error":{"code":"model_not_found"}}', 404, ResultKind.AUTH),
    "rate limit": (b'{"error":{"code":"rate_limit_exceeded"}}', 429, ResultKind.RATE_LIMITED),
    "a server's": (b'{"error":{"type":"server_error","code":null}}', 502, ResultKind.SERVER_ERROR),
    "overloaded": (b'{"type":"error","error":{"type":"overloaded_error"}}', 503, ResultKind.SERVER_ERROR),
    "text": (b'{"error":"out of memory"}', 502, ResultKind.SERVER_ERROR),
    "vLLM": (b'{"object":"error","message":"no","type":"BadRequestError","code":400}', 400, ResultKind.NEUTRAL),
    "too long": (b'{"error":{"code":"context_length_exceeded"}}', 400, ResultKind.NEUTRAL),
    "filtered": (b'{"error":{"message":"x","code":"content_filter"}}', 400, ResultKind.NEUTRAL),
    "an image": (b'{"error":{"code":"invalid_image_format"}}', 400, ResultKind.NEUTRAL),
    "finish_reason": (b'{"choices":[{"finish_reason":"error"}]}', 502, ResultKind.SERVER_ERROR),
    "a choice's": (
        b'{"choices":[{"finish_reason":"error","error":{"code":429,"message":"m"}}]}', 429, ResultKind.RATE_LIMITED,
    ),
    "beside choices": (b'{"choices":[{"delta":{},"finish_reason":"error"}],"error":{"code":"server_error"}}', 502,
                       ResultKind.SERVER_ERROR),
    "a response": (
        b'{"object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}', 429,
        ResultKind.RATE_LIMITED,
    ),
    "response.failed": (
        b'{"type":"response.failed","response":{"status":"failed","error":{"code":"insufficient_quota"}}}', 403,
        ResultKind.AUTH,
    ),
    "a response's event": (
        b'{"type":"error","code":"insufficient_quota","message":"m","sequence_number":1}', 403, ResultKind.AUTH,
    ),
    "a prompt": (
        b'{"object":"response","status":"failed","error":{"code":"invalid_prompt","message":"m"}}', 400,
        ResultKind.NEUTRAL,
    ),
    "a run": (
        b'{"object":"thread.run","status":"failed","last_error":{"code":"rate_limit_exceeded"}}', 429,
        ResultKind.RATE_LIMITED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "status", "kind"), ERRORS.values(), ids=ERRORS)
def test_what_hides(text: bytes, status: int, kind: ResultKind) -> None:
    found = in_answer(text)
    assert found is not None
    assert suspect(text)
    result = verdict(result_of(status, lambda _name: None, 0.0), found.body, CHAT)
    assert (found.status, result.kind) == (status, kind)
    assert (result.blame is Layer.NOBODY) is (kind is ResultKind.NEUTRAL)
    assert found.word


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[DONE]",
        b"not json",
        b"[" * 100_000,
        b'{"error":null,"object":"response","status":"completed"}',
        b'{"object":"response","status":"incomplete","error":null,"incomplete_details":{"reason":"x"}}',
        b'{"choices":[{"finish_reason":"stop","message":{"content":"an \\"error\\" occurred"}}]}',
        b'{"choices":[{"finish_reason":"content_filter"}]}',
        b'{"choices":[],"error":{}}',
        b'{"object":"batch","status":"failed","errors":{"data":[]}}',
        b'{"object":"fine_tuning.job","status":"failed","error":{"code":"x"}}',
        b'{"type":"response.created","response":{"status":"in_progress","error":null}}',
        b'{"text":"Some error\\" in speech"}',
    ],
)
def test_what_is_none(text: bytes) -> None:
    assert in_answer(text) is None


@pytest.mark.parametrize(
    ("method", "path", "looked"),
    [
        (b"POST", b"/v1/chat/completions", True),
        (b"POST", b"/responses", True),
        (b"POST", b"/v1/audio/transcriptions", True),
        (b"POST", b"/v1/threads/thread_1/runs", True),
        (b"POST", b"/v1/threads/runs", True),
        (b"POST", b"/v1/threads/t/runs/r/submit_tool_outputs", True),
        (b"GET", b"/v1/responses/resp_1", False),
        (b"GET", b"/v1/threads/thread_1/runs", False),
        (b"POST", b"/v1/responses/resp_1/cancel", False),
        (b"POST", b"/v1/evals/eval_1/runs", False),
        (b"POST", b"/v1/batches", False),
    ],
)
def test_which_answers_are_looked_into(method: bytes, path: bytes, looked: bool) -> None:
    assert looked_into(method, path) is looked


def test_no_page_was_asked_for() -> None:
    assert not fits(b"text/html; charset=utf-8")
    assert all(map(fits, (b"application/json", b"text/event-stream", b"text/plain", b"audio/mpeg", b"")))


def test_suspects_are_few_and_short() -> None:
    long = b'data: {"error":"' + b"x" * MAX_BYTES + b'"}\n'
    block = b'data: {"error":1}\n' * 9 + b'data: {"error":null}\nevent: error\n' + long
    assert suspects_in(block) == (b'{"error":1}',) * 4
