from __future__ import annotations

import pytest

from loadtest.sim.reading import AnswerReader, Unreadable

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n\r\n%b"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("answer", [LENGTH, CHUNKS, EARLY + LENGTH])
def test_an_answer_in_any_pieces(answer: bytes, step: int) -> None:
    reader = AnswerReader()
    for at in range(0, len(answer), step):
        assert not reader.done
        reader.feed(answer[at : at + step])
    assert (reader.status, bytes(reader.payload), reader.done) == (200, b"hello", True)


@pytest.mark.parametrize("answer", [LENGTH[:-1], CHUNKS[:-1], CHUNKS[:-5]])
def test_half_an_answer_is_none(answer: bytes) -> None:
    reader = AnswerReader()
    reader.feed(answer)
    assert not reader.done
    assert not reader.whole_at_close()


@pytest.mark.parametrize(
    ("kind", "body", "whole"),
    [
        (b"application/json", b"{}", True),
        (b"text/event-stream", b"data: 1\n\n", False),
        (b"text/event-stream", b"data: 1\n\ndata: [DONE]\n\n", True),
        (b"text/event-stream", b'data: [DONE]\n\ndata: {"error":{}}\n\n', False),
    ],
)
def test_what_ends_by_closing(kind: bytes, body: bytes, *, whole: bool) -> None:
    reader = AnswerReader()
    reader.feed(CLOSE % (kind, body))
    assert not reader.done
    assert reader.whole_at_close() is whole


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKS.replace(b"\r\n2\r\n", b"\r\nzz\r\n"),
        CHUNKS.replace(b"hel\r\n", b"help!"),
        LENGTH + b"more",
    ],
)
def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(Unreadable):
        AnswerReader().feed(answer)
