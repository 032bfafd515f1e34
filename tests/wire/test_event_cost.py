"""What an event of a stream costs, in bytecodes: they do not depend on how fast or how busy a machine is."""

from __future__ import annotations

import pytest

from loadtest.bytecodes import bytecodes
from proxy.accounting.sse_usage import SseUsageTap
from proxy.providers.usage_asked import UsageSieve
from proxy.wire.framing import ChunkedFraming, encode_chunk

EVENT = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}],'
    b'"usage":null}\n\n'
)
ENDING = (
    b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":64}}\n\n',
    b"data: [DONE]\n\n",
)
EVENTS = 64


@pytest.mark.parametrize("ending", [(), ENDING], ids=["within", "to its end"])
def test_many_events_of_one_read_cost_next_to_nothing_each(ending: tuple[bytes, ...]) -> None:
    events = [EVENT % (b"x" * number) for number in range(EVENTS)]
    payloads, data = [*events, *ending], b"".join(map(encode_chunk, [*events, *ending]))
    framing, tap, sieve = ChunkedFraming(), SseUsageTap(), UsageSieve()
    left: list[bytes] = []

    def read() -> None:
        pieces: list[bytes] = []
        framing.feed(data, pieces)
        assert pieces == payloads
        block = b"".join(pieces)
        tap.feed(block)
        left.append(sieve.feed(block))

    assert bytecodes(read) / EVENTS < 25
    unasked = b"".join(events).replace(b',"usage":null}', b"}") + b"".join(ending[1:])
    assert left == [unasked]
    used = tap.result()
    assert (used is not None) == bool(ending)
