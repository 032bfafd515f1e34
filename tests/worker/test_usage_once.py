"""What a record says was used: once for each object, whoever asks, however often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer
from loadtest.client import connected
from loadtest.gateway_within import gateway_within
from loadtest.mock_upstream import mock_upstream

USAGE = b'"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}'
CONFIG = """
model_list:
  - {{model_name: m, litellm_params: {{model: openai/m, api_base: "{url}/v1", api_key: sk-1}}}}
"""
RESPONSES, RUNS = b"/v1/responses", b"/v1/threads/thread_1/runs"
Counted = Callable[..., object]


def response(status: str, *, background: bool, id_: str = "resp_1") -> bytes:
    usage = USAGE if status in ("completed", "cancelled") else b'"usage":null'
    return b'{"id":"%b","object":"response","background":%b,"status":"%b","model":"m",%b}' % (
        id_.encode(), str(background).lower().encode(), status.encode(), usage
    )  # fmt: skip


def run(status: str) -> bytes:
    usage = USAGE.replace(b"input", b"prompt").replace(b"output", b"completion")
    said = usage if status == "completed" else b'"usage":null'
    return b'{"id":"run_1","object":"thread.run","status":"%b","model":"m",%b}' % (status.encode(), said)


CHAT = b'{"id":"chatcmpl-1","object":"chat.completion","model":"m",%b}' % USAGE


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Counted]:
    """Ask so, be answered so: whether the request's record has the usage."""
    path = tmp_path / "config.yaml"
    async with mock_upstream() as mock:
        path.write_text(CONFIG.format(url=mock.url))
        async with gateway_within(path) as within:

            async def ask(method: bytes, path: bytes, body: bytes, *, streamed: bool = False) -> bool:
                count = len(within.records)
                mock.script(Answer(headers=(SSE_TYPE if streamed else JSON_TYPE,), body=body))
                with trio.fail_after(5):
                    async with connected(within.port, "sk-any") as client:
                        # What runs in the background was asked to.
                        behind = b',"background":true' if b'"background":true' in body else b""
                        sent = b'{"model":"m"%b}' % behind if method == b"POST" else b""
                        await client.send(sent, path, method=method)
                        assert (await client.read()).status == 200
                await within.recorded(count + 1)
                usage = within.records[-1].usage
                assert usage is None or usage.total_tokens == 12
                return usage is not None

            yield ask


async def test_a_background_response_is_counted_by_the_poll_that_finds_it_done(asked) -> None:
    assert not await asked(b"POST", RESPONSES, response("queued", background=True))
    done = response("completed", background=True)
    polls = [response("in_progress", background=True), done, done]
    assert [await asked(b"GET", RESPONSES + b"/resp_1", said) for said in polls] == [False, True, False]
    assert not await asked(b"POST", RESPONSES + b"/resp_1/cancel", done)


async def test_a_background_response_that_is_cancelled_is_counted_then(asked) -> None:
    cancelled = response("cancelled", background=True)
    assert await asked(b"POST", RESPONSES + b"/resp_1/cancel", cancelled)
    assert not await asked(b"GET", RESPONSES + b"/resp_1", cancelled)


async def test_a_background_stream_that_is_taken_up_again_is_counted_once(asked) -> None:
    events = b'event: response.completed\ndata: {"type":"response.completed","response":%b}\n\n' % response(
        "completed", background=True
    )
    assert await asked(b"POST", RESPONSES, events, streamed=True)
    assert not await asked(b"GET", RESPONSES + b"/resp_1?stream=true", events, streamed=True)


async def test_a_response_made_at_once_is_counted_when_it_was_made(asked) -> None:
    done = response("completed", background=False)
    assert await asked(b"POST", RESPONSES, done)
    assert not await asked(b"GET", RESPONSES + b"/resp_1", done)
    assert not await asked(b"POST", RESPONSES + b"/resp_1/cancel", done)


async def test_a_run_is_counted_by_the_poll_that_finds_it_done(asked) -> None:
    assert not await asked(b"POST", RUNS, run("queued"))
    polls = [run("in_progress"), run("completed"), run("completed")]
    assert [await asked(b"GET", RUNS + b"/run_1", said) for said in polls] == [False, True, False]


async def test_a_streamed_run_is_counted_with_its_last_event_not_with_its_steps(asked) -> None:
    step = b'event: thread.run.step.completed\ndata: {"object":"thread.run.step","id":"s","status":"completed",%b}\n\n'
    done = b"event: thread.run.completed\ndata: %b\n\ndata: [DONE]\n\n" % run("completed")
    assert not await asked(b"POST", RUNS, step % USAGE, streamed=True)
    assert await asked(b"POST", RUNS, step % USAGE + done, streamed=True)
    assert not await asked(b"GET", RUNS + b"/run_1", run("completed"))


@pytest.mark.parametrize("prefix", [b"", b"/openai", b"/openai_passthrough"])
async def test_it_is_one_rule_on_every_way_in(asked, prefix: bytes) -> None:
    assert await asked(b"POST", prefix + b"/v1/chat/completions", CHAT)
    assert await asked(b"POST", prefix + RESPONSES, response("completed", background=False))
    assert not await asked(b"POST", prefix + b"/v1/chat/completions/chatcmpl-1", CHAT)


async def test_a_stored_chat_whose_metadata_changes_is_not_counted_again(asked) -> None:
    assert await asked(b"POST", b"/v1/chat/completions", CHAT)
    assert not await asked(b"POST", b"/v1/chat/completions/chatcmpl-1", CHAT)
    assert not await asked(b"GET", b"/v1/chat/completions/chatcmpl-1", CHAT)
