"""Who is told of calls, and of what; in threads, under asyncio and under trio."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import sluice
from loadtest.answers import Answer, chat_stream, error
from sluice import exceptions, sinks
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

Told = list[tuple[dict[str, Any], Any]]


def ask(mode: Mode, upstream: Upstream, **more: Any) -> Any:
    return mode.call(
        "completion", "gpt-4o", [], api_base=upstream.base, api_key="sk-secret", num_retries=0, **more
    )


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_functions_are_told_of_answers(mode: Mode, upstream: Upstream, stream: bool) -> None:
    told: Told = []
    sluice.success_callback = [lambda kwargs, answer, start, end: told.append((kwargs, answer))]
    upstream.script(chat_stream(usage=True) if stream else lambda _: None)
    ask(mode, upstream, stream=stream, metadata={"trace": "t"})
    [(kwargs, answer)] = told
    assert (kwargs["model"], kwargs["call_type"], kwargs["api_base"]) == (
        "gpt-4o",
        "completion",
        upstream.base,
    )
    assert kwargs["litellm_params"]["metadata"]["trace"] == "t"
    assert kwargs["response_cost"] > 0
    assert answer.choices[0].message.content
    assert "sk-secret" not in repr(kwargs)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_functions_are_told_of_failures(mode: Mode, upstream: Upstream, stream: bool) -> None:
    told: Told = []
    upstream.script(error(500))
    with pytest.raises(exceptions.InternalServerError):
        ask(
            mode,
            upstream,
            stream=stream,
            failure_callback=[lambda kwargs, answer, start, end: told.append((kwargs, answer))],
        )
    assert isinstance(told[0][0]["exception"], exceptions.InternalServerError)


def test_a_callback_that_fails_fails_no_call(
    mode: Mode, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(*_: Any) -> None:
        raise ValueError("mine")

    sluice.callbacks = [bad]
    assert ask(mode, upstream).id
    assert "a callback failed" in caplog.text


def test_asynchronous_ones_are_awaited(loop: Mode, upstream: Upstream) -> None:
    told: list[str] = []

    class Logger:
        """As LiteLLM's CustomLogger."""

        async def async_log_success_event(self, kwargs: Any, answer: Any, start: Any, end: Any) -> None:
            told.append(answer.object)

    sluice.callbacks = [Logger()]
    ask(loop, upstream)
    assert told == ["chat.completion"]


def test_a_stream_that_is_let_go_is_told_as_far_as_it_came(upstream: Upstream) -> None:
    told: Told = []
    stream = sluice.completion(
        "gpt-4o", [], stream=True, api_base=upstream.base, api_key="k",
        callbacks=[lambda kwargs, answer, start, end: told.append((kwargs, answer))],
    )  # fmt: skip
    next(stream)
    stream.close()
    assert told[0][1].choices[0].message is not None


def test_a_sink_by_its_name(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_URL", f"{upstream.mock.url}/hook")
    upstream.script(lambda request: Answer(body=b"") if request.target == b"/hook" else None)
    sinks.sink.cache_clear()
    sluice.success_callback = ["webhook"]
    sluice.completion("gpt-4o", [], api_base=upstream.base, api_key="sk-secret", user="u")
    sinks.sink("webhook").finish()
    [hook] = [request for request in upstream.requests if request.target == b"/hook"]
    assert b"sk-secret" not in hook.body
    assert b'"model_asked":"gpt-4o"' in hook.body
    assert msgspec.json.decode(hook.body)
    sinks.sink.cache_clear()


def test_a_sink_that_is_none_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sinks.sink.cache_clear()
    sluice.success_callback = ["nowhere"]
    sluice.completion("gpt-4o", [], mock_response="x")
    assert "no sink `nowhere`" in caplog.text
    sinks.sink.cache_clear()
