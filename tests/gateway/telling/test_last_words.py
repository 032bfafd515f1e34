"""One table of last words, by route."""

from __future__ import annotations

import msgspec
import pytest

from proxy.gateway.telling.last_words import EventNumber, broke_off, counts_events, last_words, told_by


class Kept:
    next_event = 0


@pytest.mark.parametrize(
    ("route", "begins"),
    [
        ("/chat/completions", b'data: {"error":'),
        ("/completions", b'data: {"error":'),
        ("/openai/chat", b'data: {"error":'),
        ("/responses", b'event: error\ndata: {"type":"error","code":"stream_broken"'),
        ("/openai/responses", b'event: error\ndata: {"type":"error","code":"stream_broken"'),
        ("/openai_passthrough/responses", b'event: error\ndata: {"type":"error","code":"stream_broken"'),
        ("/messages", b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":'),
        ("/threads", b'event: error\ndata: {"message":'),
        ("/images/edits", b'event: error\ndata: {"type":"error","error":'),
        ("/audio/speech", b'event: error\ndata: {"type":"error","error":'),
        ("/a/path/of/the/operators", b'data: {"error":'),
    ],
)
def test_by_route(route: str, begins: bytes) -> None:
    words = last_words(route, broke_off(), 3)
    assert words.startswith(begins)
    assert words.endswith(b"}\n\n")
    assert counts_events(route) is (b'"sequence_number":3' in words)
    said = msgspec.json.decode(words.rpartition(b"data: ")[2])
    assert said["error"]["message"] == "The upstream broke off its answer."


@pytest.mark.parametrize(
    ("pieces", "number"),
    [
        ([], 0),
        ([b'data: {"sequence_number":4}\n\n'], 5),
        ([b'data: {"sequence_number": 4}\n\n', b'data: {"delta":"\\"sequence_number\\":9"}\n\n'], 5),
        ([b'data: {"sequence_number":4}\n\ndata: {"sequence_number":5}\n\n'], 6),
        ([b'data: {"sequence_number":"x"}\n\n'], 0),
        ([b'data: {"sequence_num', b'ber":4}\n\n'], 0),
    ],
)
def test_the_next_events_number(pieces: list[bytes], number: int) -> None:
    kept = Kept()
    tap = EventNumber(kept)
    for piece in pieces:
        tap.feed(piece)
    assert kept.next_event == number


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"message":"No.","type":"t","param":"p","code":"c"}}', ("No.", "t", "p", "c")),
        (b'{"error":{"message":"No.","code":429}}', ("No.", "upstream_error", None, "429")),
        (b'{"error":"No."}', ("No.", "upstream_error", None, None)),
        (b"<html>", ("The upstream answered 503.", "upstream_error", None, None)),
        (b"", ("The upstream answered 503.", "upstream_error", None, None)),
    ],
)
def test_what_an_upstreams_error_becomes(body: bytes, said: tuple[str | None, ...]) -> None:
    error = told_by(503, body)
    assert (error.message, error.kind, error.param, error.code) == said
