"""A status line is not the whole truth: an error behind a 200 is a failure of its kind, and tried elsewhere."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import partial

import openai
import pytest
import trio

from loadtest.answers import DONE, JSON_TYPE, SSE_TYPE, Answer, Framing, chat, chat_stream, event
from proxy.types import Headers, Outcome
from tests.faults.conftest import DOORS, KEY, OpenScene

LIMITED = b'{"error":{"code":429,"message":"Slow down.","type":null,"param":null}}'
QUOTA = (
    b'{"error":{"message":"No money.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'
)
TOO_LONG = (
    b'{"error":{"message":"Too long.","type":"invalid_request_error","code":"context_length_exceeded"}}'
)
FINISHED = (
    b'{"object":"chat.completion","choices":[{"index":0,"message":{"content":""},"finish_reason":"error"}]}'
)
FAILED = b'{"object":"response","status":"failed","error":{"code":"server_error","message":"no"},"output":[]}'
HTML: Headers = ((b"content-type", b"text/html"),)
ZIPPED: Headers = (JSON_TYPE, (b"content-encoding", b"gzip"))
WHOLE = {
    "429": (Answer(body=LIMITED), "rate_limited"),
    "quota": (Answer(body=QUOTA), "auth"),
    "chunked": (Answer(body=LIMITED, framing=Framing.CHUNKED), "rate_limited"),
    "in two pieces": (replace(Answer(body=LIMITED), piece_bytes=90, gap_s=0.02), "rate_limited"),
    "until the close": (Answer(body=LIMITED, framing=Framing.CLOSE), "rate_limited"),
    "compressed": (Answer(headers=ZIPPED, body=gzip.compress(LIMITED)), "rate_limited"),
    "compressed and chunked": (
        Answer(headers=ZIPPED, body=gzip.compress(LIMITED), framing=Framing.CHUNKED),
        "rate_limited",
    ),
    "compressed, in pieces": (
        replace(Answer(headers=ZIPPED, body=gzip.compress(LIMITED)), piece_bytes=100, gap_s=0.02),
        "rate_limited",
    ),
    "finish_reason": (Answer(body=FINISHED), ""),
    "finish_reason, in pieces": (replace(Answer(body=FINISHED), piece_bytes=90, gap_s=0.02), ""),
    "finish_reason, chunked": (Answer(body=FINISHED, framing=Framing.CHUNKED), ""),
    "empty": (Answer(), ""),
    "empty and chunked": (Answer(body=b"", framing=Framing.CHUNKED), ""),
    "a page": (Answer(headers=HTML, body=b"<html>{}</html>"), ""),
}
"""What the first key answers, and why it rests afterwards; nothing rests for one failure of a server."""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("answer", "reason"), WHOLE.values(), ids=WHOLE)
async def test_the_other_key_answers(scene: OpenScene, answer: Answer, reason: str, door: str) -> None:
    async with scene(keys=2) as s:
        s.bad.script(answer)
        seen = await s.ask(door=door)
        assert (seen.status, seen.body) == (200, chat().body)
        status, record = s.gateway.status("bad"), s.gateway.records[0]
        assert (status.failures, status.reason) == (1, reason)
        assert (record.outcome, record.attempts) == (Outcome.OK, 2)


@pytest.mark.parametrize("mode", ["live", "probe", "buffered"])
async def test_json_in_place_of_a_stream_too(scene: OpenScene, mode: str) -> None:
    async with scene(keys=2, settings=f"  stream_mode: {mode}\n") as s:
        s.bad.script(Answer(body=QUOTA))
        seen = await s.ask(stream=True)
        assert (seen.status, seen.body) == (200, b"".join(chat_stream().body))
        assert s.gateway.status("bad").reason == "auth"


async def test_a_good_answer_in_place_of_a_stream_passes(scene: OpenScene) -> None:
    """Some models cannot stream; their servers say so by not doing it."""
    async with scene(keys=2) as s:
        s.bad.script(chat())
        seen = await s.ask(stream=True)
        assert (seen.status, seen.body) == (200, chat().body)
        assert (s.gateway.status("bad").failures, s.gateway.records[0].outcome) == (0, Outcome.OK)


@pytest.mark.parametrize("mode", ["live", "buffered"])
@pytest.mark.parametrize("piece_bytes", [0, 90], ids=["at once", "in pieces"])
async def test_a_failed_response(scene: OpenScene, mode: str, piece_bytes: int) -> None:
    async with scene(keys=2, settings=f"  stream_mode: {mode}\n") as s, s.client() as client:
        s.bad.script(replace(Answer(body=FAILED), piece_bytes=piece_bytes, gap_s=0.02))
        await client.send(b'{"model":"m","input":"hi"}', b"/v1/responses")
        assert (await client.read()).body == chat().body
        assert s.gateway.status("bad").failures == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("body", "status"), [(LIMITED, 429), (QUOTA, 403), (FINISHED, 200)])
async def test_when_nobody_helps(scene: OpenScene, body: bytes, status: int, door: str) -> None:
    """An answer that is nothing but an error gets the status that says so; its bytes stay."""
    async with scene(keys=1) as s:
        s.bad.script(Answer(body=body))
        seen = await s.ask(door=door)
        assert (seen.status, seen.body) == (status, body)
        record = s.gateway.records[0]
        assert (record.outcome, record.status) == (Outcome.UPSTREAM_ERROR, status)
        assert record.error
        assert s.gateway.status("bad").failures == 1


@pytest.mark.parametrize("answer", [Answer(), Answer(headers=HTML, body=b"<p>")], ids=["empty", "page"])
async def test_nothing_and_a_page_become_an_error(scene: OpenScene, answer: Answer) -> None:
    async with scene(keys=1) as s:
        s.bad.script(answer)
        seen = await s.ask()
        assert (seen.status, seen.error["code"]) == (502, "upstream_failed")
        assert s.gateway.records[0].outcome is Outcome.UPSTREAM_ERROR


async def test_one_key_is_benched_after_three(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(*[Answer(body=FINISHED)] * 3)
        for _ in range(5):
            assert (await s.ask()).body == chat().body
        assert (s.gateway.status("bad").state, len(s.bad.requests)) == ("open", 3)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_clients_own_fault_blames_nobody(scene: OpenScene, stream: bool) -> None:
    async with scene(keys=2) as s:
        body = (event(1), b"data: " + TOO_LONG + b"\n\n", DONE)
        streamed = Answer(headers=(SSE_TYPE,), body=body, framing=Framing.CHUNKED)
        s.bad.script(streamed if stream else Answer(body=TOO_LONG))
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.body) == ((200, b"".join(body)) if stream else (400, TOO_LONG))
        assert (s.gateway.status("bad").failures, len(s.good.requests)) == (0, 0)
        assert s.gateway.records[0].outcome is Outcome.CLIENT_ERROR


CREATED = b"""event: response.created
data: {"type":"response.created","response":{"status":"in_progress","error":null}}

"""
NO_QUOTA = b"""event: error
data: {"type":"error","code":"insufficient_quota","message":"No money.","sequence_number":1}

"""
RUN_FAILED = (
    b"event: thread.run.failed\n"
    b'data: {"object":"thread.run","status":"failed","last_error":{"code":"rate_limit_exceeded","message":"m"}}\n\n'
)
RUN_CREATED = (
    b'event: thread.run.created\ndata: {"object":"thread.run","status":"queued","last_error":null}\n\n'
)
STREAMS = {
    "chat": (b"/v1/chat/completions", (b"data: " + QUOTA + b"\n\n", DONE), "auth"),
    "openrouter": (
        b"/v1/chat/completions",
        (
            event(1),
            b'data: {"choices":[{"delta":{},"finish_reason":"error"}],"error":{"code":429}}\n\n',
            DONE,
        ),
        "rate_limited",
    ),
    "responses": (b"/v1/responses", (CREATED, NO_QUOTA), "auth"),
    "assistants": (
        b"/v1/threads/t/runs",
        (RUN_CREATED, RUN_FAILED, b"event: done\ndata: [DONE]\n\n"),
        "rate_limited",
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("path", "events", "reason"), STREAMS.values(), ids=STREAMS)
async def test_what_passed_live_is_learned(
    scene: OpenScene, path: bytes, events: tuple[bytes, ...], reason: str, door: str
) -> None:
    async with scene(keys=2) as s, s.client() as client:
        s.bad.script(Answer(headers=(SSE_TYPE,), body=events, framing=Framing.CHUNKED))
        lines = DOORS[door] + b"X-LiteLLM-Target-Model: m\r\n"
        await client.send(b'{"model":"m","stream":true}', path, lines=lines)
        seen = await client.read()
        assert (seen.status, seen.whole, seen.body) == (200, True, b"".join(events))
        await s.gateway.recorded(1)
        record, status = s.gateway.records[0], s.gateway.status("bad")
        assert (record.outcome, record.status) == (Outcome.UPSTREAM_ERROR, 200)
        assert record.error
        assert (status.failures, status.reason) == (1, reason)


@pytest.mark.parametrize("mode", ["probe", "buffered"])
@pytest.mark.parametrize("name", ["chat", "responses", "assistants"])
async def test_what_is_held_fails_over_by_its_kind(scene: OpenScene, name: str, mode: str) -> None:
    path, events, reason = STREAMS[name]
    async with scene(keys=2, settings=f"  stream_mode: {mode}\n") as s, s.client() as client:
        s.bad.script(Answer(headers=(SSE_TYPE,), body=events, framing=Framing.CHUNKED))
        await client.send(b'{"model":"m","stream":true}', path, lines=b"X-LiteLLM-Target-Model: m\r\n")
        assert (await client.read()).body == b"".join(chat_stream().body)
        assert (s.gateway.status("bad").failures, s.gateway.status("bad").reason) == (1, reason)


def raised(port: int, *, stream: bool) -> Exception | None:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0) as sdk:
        try:
            list(sdk.chat.completions.create(model="m", messages=[], stream=stream))
        except openai.APIError as error:
            return error
    return None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_sdk_raises_and_leaves_with_the_error(scene: OpenScene, stream: bool) -> None:
    """It closes at a stream's error event: it has had all that was to be had, and the key learns from it."""
    async with scene(keys=1) as s:
        events = (event(1), b"data: " + LIMITED + b"\n\n", DONE)
        streamed = Answer(headers=(SSE_TYPE,), body=events, framing=Framing.CHUNKED, gap_s=0.05)
        s.bad.script(streamed if stream else Answer(body=LIMITED))
        error = await trio.to_thread.run_sync(partial(raised, s.gateway.port, stream=stream))
        await s.gateway.recorded(1)
        assert type(error) is (openai.APIError if stream else openai.RateLimitError)
        assert "Slow down." in str(error)
        record = s.gateway.records[0]
        assert (record.outcome, record.error) == (Outcome.UPSTREAM_ERROR, "429")
        assert s.gateway.status("bad").reason == "rate_limited"
