"""OpenAI's SDK, sync and async, over gateways that ask for a stream's usage and that do not: the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import openai
import pytest

CONFIG = """
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: UPSTREAM, api_key: sk-u}
sluice_settings: {ask_stream_usage: ASKS}
"""
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], "stream": True}


@pytest.fixture(scope="module")
def gateways(start) -> Iterator[tuple]:
    with start(CONFIG.replace("ASKS", "true")) as asking, start(CONFIG.replace("ASKS", "false")) as plain:
        yield asking, plain


@pytest.fixture(autouse=True)
def _upstreams_own_answers(started_upstream) -> None:
    started_upstream.forget()


def _settings(gateway) -> dict:
    return {"base_url": f"{gateway.url}/v1", "api_key": gateway.key, "max_retries": 0}


@pytest.mark.parametrize(
    "options", [{}, {"stream_options": {"include_usage": True}}], ids=["unasked", "asked"]
)
def test_the_sync_client(gateways, started_upstream, options):
    seen = []
    for gateway in gateways:
        with openai.OpenAI(**_settings(gateway)) as client:
            with client.chat.completions.with_streaming_response.create(**ASK, **options) as answer:
                raw = b"".join(answer.iter_bytes())
            chunks = [chunk.to_dict() for chunk in client.chat.completions.create(**ASK, **options)]
        seen.append((raw, chunks))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) > 10
    asked = [b'"include_usage":true' in request.body for request in started_upstream.requests]
    assert asked == [True, True, bool(options), bool(options)]


@pytest.mark.parametrize(
    "options", [{}, {"stream_options": {"include_usage": True}}], ids=["unasked", "asked"]
)
def test_the_async_client(gateways, options):
    async def read(gateway) -> tuple[bytes, list[dict]]:
        async with openai.AsyncOpenAI(**_settings(gateway)) as client:
            async with client.chat.completions.with_streaming_response.create(**ASK, **options) as answer:
                raw = b"".join([piece async for piece in answer.iter_bytes()])
            stream = await client.chat.completions.create(**ASK, **options)
            return raw, [chunk.to_dict() async for chunk in stream]

    seen = [asyncio.run(read(gateway)) for gateway in gateways]
    assert seen[0] == seen[1]
    assert len(seen[0][1]) > 10


def test_the_usage_is_in_the_record_of_who_did_not_ask(gateways):
    asking, _ = gateways
    with openai.OpenAI(**_settings(asking)) as client:
        list(client.chat.completions.create(**ASK))
    assert asking.stop() == 0
    records = [line for line in asking.output.splitlines() if '"event":"request"' in line]
    assert records
    assert all('"estimated":false' in line and '"cost":{' in line for line in records)
