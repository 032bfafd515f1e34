from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.accounting.sse_usage import LINE_LIMIT_BYTES, SseUsageTap
from proxy.types import Usage


def data(event: object) -> bytes:
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def named(name: str, event: dict[str, object]) -> bytes:
    return b"event: " + name.encode() + b"\n" + data({"type": name, **event})


def chat(content: str, **fields: object) -> bytes:
    return data({"id": "c", "model": "gpt-4o-2024", "choices": [{"delta": {"content": content}}], **fields})


CHAT_USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
RESPONSE_USAGE = {"input_tokens": 4, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}
DONE = b"data: [DONE]\n\n"

CHAT = chat("Hel", usage=None) + chat("lo", usage=None) + data({"choices": [], "usage": CHAT_USAGE}) + DONE
RESPONSE = (
    named("response.created", {"response": {"id": "r", "model": "gpt-5", "usage": None}})
    + named("response.output_text.delta", {"delta": "event: response.completed"})
    + named("response.completed", {"response": {"id": "r", "model": "gpt-5", "usage": RESPONSE_USAGE}})
)
RUN = (
    named("thread.run.created", {"id": "run_1", "model": "gpt-4o", "usage": None})
    + named("thread.run.completed", {"id": "run_1", "model": "gpt-4o", "usage": CHAT_USAGE})
    + b"event: done\n"
    + DONE
)
SPEECH = data({"type": "speech.audio.delta", "audio": "AAAA"}) + data(
    {"type": "speech.audio.done", "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}
)

STREAMS = {
    "chat": (CHAT, Usage(9, 3, 12), "gpt-4o-2024"),
    "response": (RESPONSE, Usage(4, 5, 9, None, 2), "gpt-5"),
    "run": (RUN, Usage(9, 3, 12), "gpt-4o"),
    "speech": (SPEECH, Usage(1, 2, 3), None),
}


def read(*pieces: bytes) -> tuple[Usage | None, str | None, bool]:
    tap = SseUsageTap()
    for piece in pieces:
        tap.feed(piece)
    usage = tap.result()
    return usage, tap.model, tap.finish_seen


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_whole_streams_in_one_piece_and_byte_by_byte(name: str, newline: bytes) -> None:
    stream, usage, model = STREAMS[name]
    stream = stream.replace(b"\n", newline)
    assert read(stream) == (usage, model, True)
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == (usage, model, True)


@pytest.mark.parametrize("name", STREAMS)
def test_every_split_in_two_gives_the_same(name: str) -> None:
    stream, usage, model = STREAMS[name]
    for at in range(len(stream)):
        assert read(stream[:at], stream[at:]) == (usage, model, True)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 900), max_size=12))
def test_any_split_gives_the_same(name: str, cuts: list[int]) -> None:
    stream, usage, model = STREAMS[name]
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert read(*pieces) == (usage, model, True)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_before_its_last_event_is_whole_is_not_finished(name: str) -> None:
    stream = STREAMS[name][0].rstrip(b"\n")
    for at in range(len(stream)):
        assert not read(stream[:at])[2], stream[:at]
    assert read(stream)[2]


def test_a_model_that_writes_the_end_mark_does_not_end_the_stream() -> None:
    stream = chat("data: [DONE]\n\n[DONE]\nevent: done\n") + data({"choices": [], "x": "\nevent: error"})
    assert read(stream) == (None, "gpt-4o-2024", False)


def test_a_model_that_writes_a_usage_is_not_believed() -> None:
    text = '{"usage": {"prompt_tokens": 1}} "usage":{"prompt_tokens":2}'
    assert read(chat(text) + chat("usage") + DONE) == (None, "gpt-4o-2024", True)


def test_the_last_usage_counts_and_absent_is_not_zero() -> None:
    first, last = {"prompt_tokens": 1, "completion_tokens": 1}, {"prompt_tokens": 1, "completion_tokens": 8}
    assert read(chat("a", usage=first) + chat("b", usage=last) + chat("c", usage={}) + DONE)[0] == Usage(
        1, 8, 9
    )
    assert read(chat("a") + DONE)[0] is None


@pytest.mark.parametrize("name", ["response.failed", "response.incomplete", "error"])
def test_a_failure_said_by_the_upstream_is_an_end(name: str) -> None:
    assert read(named(name, {"response": {"usage": None}}))[2]


@pytest.mark.parametrize(
    "line",
    [b'data: {"usage":{"prompt_tokens":', b'data: {"usage":[1]}', b'data: "usage"', b"data: \xff", b"data:"],
)
def test_events_that_cannot_be_read_change_nothing(line: bytes) -> None:
    assert read(line + b"\n\n" + CHAT) == read(CHAT)


def test_spaces_a_server_may_put_into_its_json() -> None:
    event = json.dumps({"model": "m", "usage": CHAT_USAGE}, indent=None).encode()
    assert read(b'data:{"usage" : null}\n\ndata:' + event + b"\n\ndata:[DONE]\n\n") == (
        Usage(9, 3, 12),
        "m",
        True,
    )


def test_the_model_may_come_with_a_later_event() -> None:
    azure = data({"model": "", "choices": [], "prompt_filter_results": []})
    assert read(azure + chat("a"))[1] == "gpt-4o-2024"


@pytest.mark.parametrize("split_bytes", [4096, 65_536, 10**7])
def test_a_line_too_long_to_hold_still_says_its_usage(split_bytes: int) -> None:
    answer = {"output": "x" * (LINE_LIMIT_BYTES * 2), "usage": RESPONSE_USAGE, "metadata": {}}
    stream = RESPONSE[: RESPONSE.rindex(b"event:")] + named("response.completed", {"response": answer})
    pieces = [stream[at : at + split_bytes] for at in range(0, len(stream), split_bytes)]
    assert read(*pieces) == (Usage(4, 5, 9, None, 2), "gpt-5", True)
    assert not read(*pieces[:-1], pieces[-1][:-40])[2]


def test_an_endless_line_is_not_kept() -> None:
    tap = SseUsageTap()
    for _ in range(100):
        tap.feed(b"data: " + b"x" * 65_536)
    assert tap._held_bytes <= LINE_LIMIT_BYTES
    assert sum(map(len, tap._held)) <= LINE_LIMIT_BYTES
    assert tap.result() is None


GROQ = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[],"x_groq":{"usage":%b}}\n\n'
COUNTS = b'{"prompt_tokens":19,"completion_tokens":64,"total_tokens":83}'
OVER_LINES = (
    b'data: {\ndata:  "model": "m",\ndata:  "usage": {"prompt_tokens": 19,\n'
    b'data: "completion_tokens": 64, "total_tokens": 83}\ndata: }\n\n'
)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CR LF", "CR"])
@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    "event",
    [GROQ % COUNTS, OVER_LINES, b'event: x\ndata: {"model":"m","usage":%b}\n\n' % COUNTS],
    ids=["groq", "lines", "plain"],
)
def test_usage_is_read_wherever_it_is_said(event: bytes, step: int, line_end: bytes) -> None:
    early = b'data: {"model":"m","choices":[{"delta":{"content":"hi"}}]}\n\n'
    for body in (event, early * 9 + event, OVER_LINES.replace(b"19", b"1") + early + event):
        body = (body + b"data: [DONE]\n\n").replace(b"\n", line_end)
        tap = SseUsageTap()
        for at in range(0, len(body), step):
            tap.feed(body[at : at + step])
        assert tap.result() == Usage(19, 64, 83)
        assert (tap.model, tap.finish_seen) == ("m", True)


def test_an_event_of_many_lines_is_bounded() -> None:
    tap = SseUsageTap()
    tap.feed(b"data: {\n" + b"data: 1,\n" * 100_000)
    assert tap._event_bytes <= 2 * LINE_LIMIT_BYTES
    tap.feed(b"\n" + OVER_LINES)
    assert tap.result() == Usage(19, 64, 83)


def test_an_event_that_never_ends_is_read_at_the_end() -> None:
    tap = SseUsageTap()
    tap.feed(OVER_LINES[:-1])
    assert tap.result() == Usage(19, 64, 83)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_an_event_that_broke_off_says_nothing(step: int) -> None:
    """Not even behind a usage that is whole: the event may have gone on to say another (HTML standard, 9.2.6)."""
    event = b'data: {"model":"m","usage":%b}\n\n' % COUNTS
    for body in (event[:-3], event[:-3] + b"\n", OVER_LINES[: -len(b"data: }\n\n")]):
        tap = SseUsageTap()
        for at in range(0, len(body), step):
            tap.feed(body[at : at + step])
        assert tap.result() is None, body


@pytest.mark.parametrize(
    "data",
    [
        '{"choices":[{"delta":{"content":"hi"}}]}',
        '{"choices":[{"delta":{"reasoning_content":"hm"}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{"}}]}}]}',
        '{"choices":[{"text":"hi"}]}',
        '{"type":"response.output_text.delta","delta":"hi"}',
        '{"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}',
        '{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}',
        '{"type":"image_generation.partial_image","b64_json":"AAAA"}',
    ],
)
def test_content_begins_with_the_first_event_that_holds_some(data: str) -> None:
    tap = SseUsageTap()
    for before in (
        '{"choices":[{"delta":{"role":"assistant","content":""}}]}',
        '{"choices":[{"delta":{"role":"assistant","content":null,"refusal":null}}]}',
        '{"type":"response.created","response":{"id":"r","status":"in_progress","reasoning":{"effort":"low"}}}',
        '{"type":"content_block_start","content_block":{"type":"text","text":""}}',
        '{"type":"message_start","message":{"id":"m","content":[]}}',
    ):
        tap.feed(f"data: {before}\n\n".encode())
    assert tap.content_unix_s is None
    tap.feed(f"data: {data}\n\n".encode())
    first = tap.content_unix_s
    assert first is not None
    tap.feed(f"data: {data}\n\n".encode())
    assert tap.content_unix_s == first
