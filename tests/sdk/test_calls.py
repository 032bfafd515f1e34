"""Calls of every kind, in threads, under asyncio and under trio, over real sockets."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

import sluice
from loadtest.answers import EVENTS, Answer, chat, chat_stream, error
from sluice import exceptions
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

HELLO = [{"role": "user", "content": "Hello!"}]


def ask(mode: Mode, upstream: Upstream, **more: Any) -> Any:
    return mode.call("completion", "gpt-4o", HELLO, api_base=upstream.base, api_key="sk-test", **more)


def test_plain(mode: Mode, upstream: Upstream) -> None:
    answer = ask(mode, upstream, temperature=0.5)
    assert answer.choices[0].message.content == answer["choices"][0]["message"]["content"] != ""
    assert answer.usage.total_tokens > 0
    assert answer._response_headers["content-type"] == "application/json"
    sent = upstream.requests[0]
    assert sent.request_line == b"POST /v1/chat/completions HTTP/1.1"
    assert sent.header(b"authorization") == b"Bearer sk-test"
    assert (
        sent.body == b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hello!"}],"temperature":0.5}'
    )


def test_stream(mode: Mode, upstream: Upstream) -> None:
    chunks = ask(mode, upstream, stream=True)
    assert len(chunks) == EVENTS
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert msgspec.json.decode(upstream.requests[0].body)["stream"] is True


def test_connections_are_kept(mode: Mode, upstream: Upstream) -> None:
    if not mode.waits:
        ask(mode, upstream)
        ask(mode, upstream, stream=True)
        ask(mode, upstream)
    else:

        async def main() -> None:
            for stream in (False, True, False):
                got = await sluice.acompletion(
                    "gpt-4o", HELLO, api_base=upstream.base, api_key="k", stream=stream
                )
                if stream:
                    assert [chunk async for chunk in got]  # type: ignore[union-attr]

        mode.run(main)
        assert upstream.closed()  # with the event loop
    assert len(upstream.requests) == 3
    assert upstream.mock.accepted == 1


STATUSES = {
    400: exceptions.BadRequestError, 401: exceptions.AuthenticationError, 403: exceptions.PermissionDeniedError,
    404: exceptions.NotFoundError, 408: exceptions.Timeout, 409: exceptions.ConflictError,
    422: exceptions.UnprocessableEntityError, 429: exceptions.RateLimitError, 500: exceptions.InternalServerError,
    502: exceptions.BadGatewayError, 503: exceptions.ServiceUnavailableError, 504: exceptions.Timeout,
    529: exceptions.ServiceUnavailableError, 418: exceptions.BadRequestError,
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_error_of_each_status(mode: Mode, upstream: Upstream, status: int, stream: bool) -> None:
    upstream.script(error(status, "no such luck"))
    with pytest.raises(STATUSES[status], match="no such luck") as caught:
        ask(mode, upstream, stream=stream, num_retries=0)
    assert caught.value.llm_provider == "openai"
    assert caught.value.model == "gpt-4o"
    assert caught.value.response.status_code == status
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_retries(mode: Mode, upstream: Upstream, stream: bool) -> None:
    upstream.script(error(500), error(429, retry_after="0.001"), chat_stream() if stream else chat())
    assert ask(mode, upstream, stream=stream, num_retries=2)
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(("status", "times"), [(400, 1), (401, 1), (422, 1), (500, 3), (408, 3), (409, 3)])
def test_what_is_asked_again(mode: Mode, upstream: Upstream, status: int, times: int) -> None:
    upstream.script(lambda _: error(status))
    with pytest.raises(exceptions.SluiceError) as caught:
        ask(mode, upstream, max_retries=2)
    assert len(upstream.requests) == times
    assert caught.value.num_retries == times - 1


def test_fallbacks_in_turn(mode: Mode, upstream: Upstream) -> None:
    upstream.script(lambda request: error(404) if b'"last"' not in request.body else chat())
    ask(
        mode, upstream, num_retries=0,
        fallbacks=["second", {"model": "third", "api_key": "sk-third"}, "last", "never"],
    )  # fmt: skip
    models = [msgspec.json.decode(request.body)["model"] for request in upstream.requests]
    assert models == ["gpt-4o", "second", "third", "last"]
    assert upstream.requests[2].header(b"authorization") == b"Bearer sk-third"


def test_a_longer_model_where_the_prompt_is_too_long(mode: Mode, upstream: Upstream) -> None:
    body = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'
    upstream.script(Answer(400, body=body), chat())
    ask(mode, upstream, context_window_fallback_dict={"gpt-4o": "gpt-long"})
    assert msgspec.json.decode(upstream.requests[1].body)["model"] == "gpt-long"


def test_each_attempt_is_told_where_that_is_asked_for(
    mode: Mode, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("sluice")
    before = logger.level
    try:
        sluice.set_verbose = True
        ask(mode, upstream)
    finally:
        logger.setLevel(before)
    assert f"attempt 1: gpt-4o at {upstream.base}" in caplog.text
    assert "sk-test" not in caplog.text
