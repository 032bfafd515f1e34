"""What is not wanted any more is let go: streams, and calls that are cancelled, late or interrupted."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from typing import Any

import anyio
import pytest
import trio

import sluice
from loadtest.answers import Answer, chat_stream, reset, stalled, truncated
from sluice import exceptions
from sluice.transport import kept
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

SHORT_S = 0.05


def where(upstream: Upstream) -> dict[str, Any]:
    return {"api_base": upstream.base, "api_key": "k", "num_retries": 0}


def endless(at: int = 900) -> Answer:
    """A stream that stops in the middle, and stays open."""
    return stalled(at, chat_stream(64))


def test_a_stream_that_is_let_go_closes_its_connection(upstream: Upstream) -> None:
    upstream.script(endless())
    for chunk in sluice.completion("gpt-4o", [], stream=True, **where(upstream)):
        assert chunk.id
        break
    gc.collect()
    assert upstream.closed()


@pytest.mark.parametrize("how", ["close", "with"])
def test_a_stream_that_is_closed(upstream: Upstream, how: str) -> None:
    upstream.script(endless())
    stream = sluice.completion("gpt-4o", [], stream=True, **where(upstream))
    if how == "close":
        next(stream)
        stream.close()
    else:
        with stream:
            next(stream)
    assert upstream.closed()
    assert list(stream) == []


@pytest.mark.parametrize("how", ["let go", "aclose", "with"])
def test_an_asynchronous_stream(loop: Mode, upstream: Upstream, how: str) -> None:
    upstream.script(endless())

    async def main() -> None:
        stream = await sluice.acompletion("gpt-4o", [], stream=True, **where(upstream))
        await anext(stream)
        if how == "aclose":
            await stream.aclose()
        elif how == "with":
            async with stream:
                pass
        else:
            del stream
        assert await anyio.to_thread.run_sync(upstream.closed)

    loop.run(main)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_cancelled_under_trio(upstream: Upstream, stream: bool) -> None:
    upstream.script(endless(1500) if stream else stalled(0))

    async def call() -> None:
        got: Any = await sluice.acompletion("gpt-4o", [], stream=stream, **where(upstream))
        async for _ in got:
            pass

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await trio.to_thread.run_sync(upstream.received, 1)
            nursery.cancel_scope.cancel()
        assert await trio.to_thread.run_sync(upstream.closed)

    trio.run(main)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_cancelled_under_asyncio(upstream: Upstream, stream: bool) -> None:
    upstream.script(endless(1500) if stream else stalled(0))

    async def call() -> None:
        got: Any = await sluice.acompletion("gpt-4o", [], stream=stream, **where(upstream))
        async for _ in got:
            pass

    async def main() -> None:
        task = asyncio.create_task(call())
        await asyncio.to_thread(upstream.received, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(upstream.closed)

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_answer_that_takes_too_long(mode: Mode, upstream: Upstream, stream: bool) -> None:
    upstream.script(stalled(0))
    with pytest.raises(exceptions.Timeout, match=r"within 0\.05 s"):
        mode.call("completion", "gpt-4o", [], stream=stream, timeout=SHORT_S, **where(upstream))
    assert upstream.closed()


def test_an_answer_in_drops(mode: Mode, upstream: Upstream) -> None:
    """No silence is too long, the whole is."""
    upstream.script(Answer(body=b" " * 200, piece_bytes=1, gap_s=0.02))
    with pytest.raises(exceptions.Timeout):
        mode.call("completion", "gpt-4o", [], timeout=1.0, **where(upstream))
    assert upstream.closed()


def test_a_stream_that_falls_silent(mode: Mode, upstream: Upstream) -> None:
    upstream.script(endless())
    with pytest.raises(exceptions.Timeout):
        mode.call("completion", "gpt-4o", [], stream=True, stream_timeout=0.3, timeout=100, **where(upstream))
    assert upstream.closed()


@pytest.mark.parametrize("fault", [reset, truncated])
def test_a_stream_that_breaks_off_gives_what_came(mode: Mode, upstream: Upstream, fault: Any) -> None:
    upstream.script(fault(1500, chat_stream(64)))
    with pytest.raises(exceptions.APIConnectionError):
        mode.call("completion", "gpt-4o", [], stream=True, **where(upstream))


def test_an_error_within_a_stream_comes_after_what_came_before(mode: Mode, upstream: Upstream) -> None:
    event = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    error = b'data: {"error":{"message":"too much","code":"rate_limit_exceeded"}}\n\n'
    upstream.script(lambda _: Answer(headers=((b"content-type", b"text/event-stream"),), body=event + error))
    with pytest.raises(exceptions.RateLimitError, match="too much"):
        mode.call("completion", "gpt-4o", [], stream=True, **where(upstream))
    stream = sluice.completion("gpt-4o", [], stream=True, **where(upstream))
    assert next(stream).choices[0].delta.content == "a"
    with pytest.raises(exceptions.RateLimitError):
        next(stream)


def test_nobody_there_is_asked_again(mode: Mode, upstream: Upstream) -> None:
    upstream.script(reset(0))
    assert mode.call("completion", "gpt-4o", [], api_base=upstream.base, api_key="k", num_retries=1).id
    with pytest.raises(exceptions.APIConnectionError, match="api_base"):
        mode.call("completion", "gpt-4o", [], api_base="http://127.0.0.1:1/v1", api_key="k", num_retries=0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_keyboard_interrupt_leaves_nothing_open(upstream: Upstream, stream: bool) -> None:
    upstream.script(endless(1500) if stream else stalled(0))

    def interrupt() -> None:
        upstream.received(1)
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()

    def wait() -> None:
        got: Any = sluice.completion("gpt-4o", [], stream=stream, **where(upstream))
        list(got)
        time.sleep(60)  # where the signal is late

    with pytest.raises(KeyboardInterrupt):
        wait()
    helper.join()
    assert upstream.closed()
    assert sluice.completion("gpt-4o", [], **where(upstream)).id


def test_a_forked_child_has_connections_of_its_own(upstream: Upstream) -> None:
    sluice.completion("gpt-4o", [], **where(upstream))
    child = os.fork()
    if child == 0:
        os._exit(len(kept._clients))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(kept._clients) == 1
