from __future__ import annotations

import msgspec
import pytest

from loadtest.answers import (
    EVENT_BYTES,
    EVENTS,
    REPLY_BYTES,
    Answer,
    Framing,
    RawRequest,
    chat,
    chat_stream,
    default_answer,
    error,
    event,
)


def request(body: bytes = b"", method: bytes = b"POST") -> RawRequest:
    return RawRequest(0, method + b" /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-A:  1 \r\n\r\n", body)


def test_a_request_shows_its_parts_as_sent() -> None:
    asked = request()
    assert (asked.method, asked.target) == (b"POST", b"/v1/chat/completions")
    assert asked.headers == ((b"Host", b"x"), (b"X-A", b"1"))
    assert asked.header(b"x-a") == b"1"
    assert asked.header(b"x-b") is None


def test_a_chat_completion_is_json_of_the_size_asked_for() -> None:
    body = chat().body
    assert isinstance(body, bytes)
    assert len(body) == REPLY_BYTES
    assert msgspec.json.decode(body)["usage"]["total_tokens"] == 83


def test_events_are_json_of_one_size_each() -> None:
    for number in (0, EVENTS - 1):
        data = event(number)
        assert len(data) == EVENT_BYTES
        assert data.endswith(b"\n\n")
        decoded = msgspec.json.decode(data.removeprefix(b"data: "))
        assert decoded["choices"][0]["delta"]["content"] == str(number).ljust(
            len(decoded["choices"][0]["delta"]["content"])
        )


@pytest.mark.parametrize(
    ("body", "events", "usage"),
    [
        (b'{"stream": true}', EVENTS + 1, False),
        (b'{"stream":true,"stream_options":{"include_usage":true}}', EVENTS + 2, True),
    ],
)
def test_streams_are_answered_with_streams(body: bytes, events: int, usage: bool) -> None:
    pieces = default_answer(request(body)).body
    assert isinstance(pieces, tuple)
    assert len(pieces) == events
    assert (b'"usage"' in pieces[-2]) is usage
    assert pieces[-1] == b"data: [DONE]\n\n"


def test_everything_else_is_answered_whole() -> None:
    assert default_answer(request(b'{"stream":false}')) == chat()
    assert default_answer(request(method=b"HEAD")).body == b""
    assert default_answer(request(method=b"GET")).body == b'{"object":"list","data":[]}'


def test_an_answer_with_a_length_is_one_write() -> None:
    assert Answer(200, (), b"abc").writes() == [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"]
    assert Answer(204, ()).writes() == [b"HTTP/1.1 204 No Content\r\n\r\n"]
    assert Answer(299, ()).head().startswith(b"HTTP/1.1 299 Unknown\r\n")


def test_a_length_may_lie() -> None:
    assert b"content-length: 9\r\n" in Answer(body=b"abc", content_length=9).head()


def test_pieces_are_one_chunk_and_one_write_each() -> None:
    first, second = Answer(200, (), (b"ab", b"c"), Framing.CHUNKED).writes()
    assert first == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"
    assert second == b"1\r\nc\r\n0\r\n\r\n"


def test_an_empty_chunked_answer_ends() -> None:
    (only,) = Answer(200, (), (), Framing.CHUNKED).writes()
    assert only.endswith(b"\r\n\r\n0\r\n\r\n")


def test_piece_bytes_cuts_the_whole_answer() -> None:
    answer = chat_stream(3)
    cut = Answer(200, answer.headers, answer.body, answer.framing, piece_bytes=7).writes()
    assert {len(write) for write in cut[:-1]} == {7}
    assert b"".join(cut) == b"".join(answer.writes())


def test_errors_are_in_openais_shape() -> None:
    refused = error(429, "slow down", retry_after="2")
    assert b"retry-after: 2\r\n" in refused.head()
    assert isinstance(refused.body, bytes)
    assert msgspec.json.decode(refused.body)["error"]["message"] == "slow down"
