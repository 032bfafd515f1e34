"""A stream that breaks off says so in its endpoint's own language: OpenAI's SDK raises, with the gateway's words."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import openai
import pytest
import trio

from loadtest.answers import SSE_TYPE, Answer, Fault, Framing, error, event
from proxy.types import Headers, Outcome
from tests.faults.conftest import DOORS, KEY, OpenScene

TARGET = {"X-LiteLLM-Target-Model": "m"}
BROKEN = "The upstream broke off its answer."


def named(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


@dataclass(frozen=True)
class Dialect:
    path: bytes
    first: bytes
    """An event of its streams."""
    ask: Callable[[openai.OpenAI], Any]


CREATED = named(
    "response.created",
    b'{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response"}}',
)
DELTA = named(
    "response.output_text.delta",
    b'{"type":"response.output_text.delta","sequence_number":6,"delta":"\\"sequence_number\\": 9"}',
)
DIALECTS = {
    "chat": Dialect(
        b"/v1/chat/completions",
        event(1),
        lambda sdk: sdk.chat.completions.create(model="m", messages=[], stream=True),
    ),
    "completions": Dialect(
        b"/v1/completions",
        b'data: {"choices":[{"index":0,"text":"hi"}]}\n\n',
        lambda sdk: sdk.completions.create(model="m", prompt="hi", stream=True),
    ),
    "responses": Dialect(
        b"/v1/responses",
        CREATED + DELTA,
        lambda sdk: sdk.responses.create(model="m", input="hi", stream=True),
    ),
    "assistants": Dialect(
        b"/v1/threads/thread_1/runs",
        named("thread.message.delta", b'{"id":"msg_1","object":"thread.message.delta","delta":{}}'),
        lambda sdk: sdk.beta.threads.runs.create(
            "thread_1", assistant_id="asst_1", stream=True, extra_headers=TARGET
        ),
    ),
    "images": Dialect(
        b"/v1/images/generations",
        named("image_generation.partial_image", b'{"type":"image_generation.partial_image","b64_json":""}'),
        lambda sdk: sdk.images.generate(model="m", prompt="hi", stream=True),
    ),
    "transcriptions": Dialect(
        b"/v1/audio/transcriptions",
        named("transcript.text.delta", b'{"type":"transcript.text.delta","delta":"hi"}'),
        lambda sdk: sdk.audio.transcriptions.create(model="m", file=b"RIFF", stream=True),
    ),
}
each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def breaking(*events: bytes, headers: Headers = (SSE_TYPE,)) -> Answer:
    answer = Answer(headers=headers, body=events, framing=Framing.CHUNKED)
    end = len(b"".join(answer.writes())) - len(b"0\r\n\r\n")
    return replace(answer, fault=Fault.CLOSE, fault_at=end)


def raised(port: int, dialect: Dialect) -> tuple[int, Exception | None]:
    """How many events came before what was raised."""
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # assistants
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0) as sdk:
            try:
                with dialect.ask(sdk) as stream:
                    for _ in stream:
                        count += 1
            except openai.APIError as error:
                return count, error
    return count, None


@each_dialect
async def test_the_sdk_raises_with_the_gateways_words(scene: OpenScene, dialect: Dialect) -> None:
    async with scene(keys=1) as s:
        s.bad.script(breaking(dialect.first))
        count, error = await trio.to_thread.run_sync(raised, s.gateway.port, dialect)
        assert count == dialect.first.count(b"data: ")
        assert (type(error), str(error)) == (openai.APIError, BROKEN)
        assert isinstance(error, openai.APIError)
        assert (error.code, error.type) == ("stream_broken", "upstream_error")
        await s.gateway.recorded(1)
        assert s.gateway.records[0].outcome is Outcome.TRUNCATED


@each_dialect
async def test_and_with_the_upstreams_when_they_are_told_late(scene: OpenScene, dialect: Dialect) -> None:
    async with scene(keys=1, settings="  sse_keepalive_s: 0.05\n") as s:
        s.bad.script(replace(error(429, "Slow down."), head_delay_s=0.12))
        count, raised_here = await trio.to_thread.run_sync(raised, s.gateway.port, dialect)
        assert (count, type(raised_here), str(raised_here)) == (0, openai.APIError, "Slow down.")
        await s.gateway.recorded(1)
        assert s.gateway.records[0].outcome is Outcome.UPSTREAM_ERROR


@each_dialect
async def test_and_when_nobody_answers_at_all(scene: OpenScene, dialect: Dialect) -> None:
    async with scene(keys=1, settings="  sse_keepalive_s: 0.05\n") as s:
        s.bad.script(replace(error(200), head_delay_s=30))
        count, raised_here = await trio.to_thread.run_sync(raised, s.gateway.port, dialect)
        assert (count, str(raised_here)) == (0, "The upstream did not answer in time.")


def last_event(body: bytes) -> tuple[bytes, dict[str, Any]]:
    name, _, data = body.rstrip(b"\n").split(b"\n\n")[-1].rpartition(b"data: ")
    return name.strip(), json.loads(data)


def fields(said: dict[str, Any]) -> Iterator[Any]:
    return (said[name] for name in ("type", "code", "message", "param", "sequence_number"))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("early", [False, True], ids=["live", "begun early"])
async def test_the_number_of_a_responses_event_continues(scene: OpenScene, door: str, early: bool) -> None:
    settings = "  sse_keepalive_s: 0.05\n" if early else ""
    async with scene(keys=1, settings=settings) as s, s.client() as client:
        s.bad.script(replace(breaking(CREATED, DELTA), head_delay_s=0.12 if early else 0))
        await client.send(b'{"model":"m","stream":true}', b"/v1/responses", lines=DOORS[door])
        seen = await client.read()
        name, said = last_event(seen.body)
        assert (seen.whole, name) == (False, b"event: error")
        assert tuple(fields(said)) == ("error", "stream_broken", BROKEN, None, 7)


async def test_speech_says_it_as_an_event_too(scene: OpenScene) -> None:
    async with scene(keys=1) as s, s.client() as client:
        delta = named("speech.audio.delta", b'{"type":"speech.audio.delta","audio":"AAAA"}')
        s.bad.script(breaking(delta))
        await client.send(b'{"model":"m","stream_format":"sse"}', b"/v1/audio/speech")
        seen = await client.read()
        assert last_event(seen.body)[0] == b"event: error"
        assert last_event(seen.body)[1]["error"]["code"] == "stream_broken"


async def test_nothing_is_said_in_a_compressed_stream(scene: OpenScene) -> None:
    """Its bytes may end like an event by chance."""
    async with scene(keys=1) as s:
        s.bad.script(breaking(b"\x1f\x8b\n\n", headers=(SSE_TYPE, (b"content-encoding", b"gzip"))))
        seen = await s.ask(stream=True)
        assert (seen.whole, seen.body) == (False, b"\x1f\x8b\n\n")
