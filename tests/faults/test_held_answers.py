"""Whole answers that only their connection's end ends: held back until they are whole, they are no failure."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from loadtest.answers import DONE, SSE_TYPE, Answer, Framing, chat, event
from tests.faults.conftest import OpenScene

COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'
STREAM = b'{"model":"m","stream":true}'
WHOLE = {
    "json": (b'{"model":"m"}', replace(chat(), framing=Framing.CLOSE)),
    "chat stream": (STREAM, Answer(headers=(SSE_TYPE,), body=event(1) + DONE, framing=Framing.CLOSE)),
    "responses stream": (STREAM, Answer(headers=(SSE_TYPE,), body=COMPLETED, framing=Framing.CLOSE)),
    "compressed": (
        STREAM,
        Answer(
            headers=(SSE_TYPE, (b"content-encoding", b"gzip")),
            body=gzip.compress(event(1) + DONE),
            framing=Framing.CLOSE,
        ),
    ),
}


@pytest.mark.parametrize("mode", ["live", "probe", "buffered"])
@pytest.mark.parametrize(("body", "answer"), WHOLE.values(), ids=WHOLE)
async def test_what_ends_by_closing_is_whole(
    scene: OpenScene, body: bytes, answer: Answer, mode: str
) -> None:
    async with scene(keys=1, settings=f"  stream_mode: {mode}\n") as s, s.client() as client:
        s.bad.script(answer)
        await client.send(body)
        seen = await client.read()
        assert (seen.status, seen.whole, seen.body) == (200, True, answer.body)
