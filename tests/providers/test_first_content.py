from __future__ import annotations

import pytest

from proxy.providers.first_content import Beginning, FirstContent


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', Beginning.NOTHING),
        (b'{"choices":[]}', Beginning.NOTHING),
        (b'{"type":"response.created"}', Beginning.NOTHING),
        (b'{"choices":[{"delta":{"content":"a"}}]}', Beginning.CONTENT),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', Beginning.CONTENT),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', Beginning.CONTENT),
        (b'{"choices":[{"text":"a"}]}', Beginning.CONTENT),
        (b'{"type":"response.output_text.delta"}', Beginning.CONTENT),
        (b"not JSON", Beginning.CONTENT),
        (b"[DONE]", Beginning.CONTENT),
        (b'{"error":{"message":"no"}}', Beginning.ERROR),
        (b'{"type":"response.failed"}', Beginning.ERROR),
        (b'{"type":"message_start","message":{}}', Beginning.NOTHING),
        (b'{"type":"ping"}', Beginning.NOTHING),
        (
            b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
            Beginning.NOTHING,
        ),
        (
            b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
            Beginning.CONTENT,
        ),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}', Beginning.ERROR),
    ],
)
def test_what_an_event_says(data: bytes, said: Beginning) -> None:
    assert FirstContent().feed(event(data)) is said


def test_in_any_split() -> None:
    looking = FirstContent()
    found = [looking.feed(bytes((byte,))) for byte in b": hi\n\n" + event(b'{"error":{"message":"no"}}')]
    assert (found[-1], set(found[:-1])) == (Beginning.ERROR, {Beginning.NOTHING})
