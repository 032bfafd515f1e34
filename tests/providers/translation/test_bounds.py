"""What a translated stream may hold: nothing that can be said now, and no more memory the longer it lasts."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable

import pytest

from loadtest.aws_frames import chunk
from proxy.errors import UpstreamFailure
from proxy.providers.clouds.bedrock_stream import BedrockStream
from proxy.providers.translation import responses_words
from proxy.providers.translation.chat_reader import ChatReader
from proxy.providers.translation.chat_words import Asked
from proxy.providers.translation.chat_writer import ChatWriter
from proxy.providers.translation.completions import CompletionsReader, CompletionsWriter
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.messages_writer import MessagesWriter
from proxy.providers.translation.renamed import Renamed
from proxy.providers.translation.responses_writer import HELD_BYTES, ResponsesWriter
from proxy.providers.translation.stream import Reader, StreamTranslator, Writer

ASKED = Asked(usage=True)
READERS: dict[str, Callable[[], Reader]] = {
    "chat": ChatReader, "Anthropic": MessagesReader, "completions": CompletionsReader,
}  # fmt: skip
WRITERS: dict[str, Callable[[], Writer]] = {
    "chat": lambda: ChatWriter(ASKED), "Anthropic": MessagesWriter, "completions": lambda: CompletionsWriter(ASKED),
    "responses": lambda: ResponsesWriter(responses_words.Asked("call", 1)),
}  # fmt: skip
PAIRS = [(reader, writer) for reader in READERS for writer in WRITERS if reader != writer]
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [],
    "usage": {"input_tokens": 1},
}


def opening(language: str) -> bytes:
    if language != "Anthropic":
        return b""
    start = {"type": "message_start", "message": MESSAGE}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (start, block))


def word(language: str, text: str) -> bytes:
    told: object = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    if language == "chat":
        told = {"id": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    elif language == "completions":
        told = {"id": "x", "choices": [{"index": 0, "text": text, "finish_reason": None}]}
    return b"data: %b\n\n" % json.dumps(told).encode()


@pytest.mark.parametrize("renamed", [Renamed(), Renamed({"sent": "own"})], ids=["plain", "renamed"])
@pytest.mark.parametrize(("reader", "writer"), PAIRS)
def test_each_word_leaves_in_the_turn_in_which_it_came(reader: str, writer: str, renamed: Renamed) -> None:
    translator = StreamTranslator(READERS[reader](), WRITERS[writer](), renamed)
    translator.feed(opening(reader))
    for number in range(5):
        assert f"word{number}".encode() in translator.feed(word(reader, f"word{number}"))
    whole = word(reader, "torn")
    assert b"torn" not in translator.feed(whole[:-1]), "an event is whole when its blank line is there"
    assert b"torn" in translator.feed(whole[-1:])


@pytest.mark.parametrize(("reader", "writer"), [pair for pair in PAIRS if pair[1] != "responses"])
def test_a_long_stream_takes_no_more_than_a_short_one(reader: str, writer: str) -> None:
    translator = StreamTranslator(READERS[reader](), WRITERS[writer]())
    translator.feed(opening(reader))
    said = word(reader, "w" * 200)
    for _ in range(100):
        translator.feed(said)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5000):
            translator.feed(said)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000, "of a megabyte that passed"


def test_what_a_response_ends_with_is_held_up_to_a_limit() -> None:
    """`response.completed` has the whole output once more."""
    translator = StreamTranslator(ChatReader(), WRITERS["responses"]())
    said = word("chat", "w" * 65536)
    for _ in range(HELD_BYTES // 65536):
        translator.feed(said)
    with pytest.raises(UpstreamFailure, match=str(HELD_BYTES)):
        translator.feed(said)


def test_bedrocks_frames_leave_in_the_turn_in_which_they_are_whole() -> None:
    stream = BedrockStream()
    frame = chunk(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word"}}
    )
    assert stream.feed(frame[:-1]) == b""
    assert stream.torn
    assert stream.feed(frame[-1:] + frame[:20]).count(b"word") == 1
    for _ in range(3):
        assert stream.feed(frame[20:] + frame[:20]).count(b"word") == 1
