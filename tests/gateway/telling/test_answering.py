from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from proxy.access.identity import Caller
from proxy.accounting.record import Record
from proxy.errors import UpstreamFailure
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.telling.answering import relay, remember
from proxy.gateway.telling.ends import outcome_of
from proxy.gateway.telling.last_words import BROKE_OFF
from proxy.gateway.telling.opened import relay_into_open
from proxy.gateway.telling.translating import relay_translated
from proxy.providers import text_completion
from proxy.providers.objects import IdTap
from proxy.routing.affinity import MemoryStore
from proxy.types import Outcome, Result, ResultKind, Usage
from proxy.wire.form import RequestHead
from proxy.wire.gone import ClientGone
from proxy.wire.pump import End, Tap
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_rules import parse_response_head
from tests.deployments import made

OK = Result(ResultKind.OK, 200)
SSE = b"content-type: text/event-stream\r\n"
JSON = b"content-type: application/json\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
USAGE = b'{"model":"gpt-4o-x","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
USAGE_EVENT = b"data: " + USAGE + b"\n\n"
DONE = b"data: [DONE]\n\n"
UNHELD_LINES = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"
TEXT_EVENT = (
    b'data: {"object":"text_completion","choices":[{"index":0,"text":"hi","finish_reason":null}]}\n\n'
)
TEXT = b'{"object":"text_completion","choices":[{"index":0,"text":"hi","finish_reason":"stop"}]}'

AS_CHAT = text_completion.translate(b'{"messages":[{"role":"user","content":"x"}]}', made("d"))


CALL = Call(
    route=Route(Kind.NATIVE, "/chat/completions", b"/chat/completions"),
    head=RequestHead.of(b"POST", b"/v1/chat/completions", ()),
    caller=Caller("tester", b"id"),
    model="m",
    body_model="m",
    body=b"",
    length=0,
)


def head_of(lines: bytes, status: int = 200) -> ResponseHead:
    return parse_response_head(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, lines), b"POST", frozenset())


pytestmark = pytest.mark.pure
"""FakeAnswer is none of the compiled ones."""


class FakeAnswer:
    """An answer in pieces; `broken` ends it with a failure."""

    longest_gap_s = None

    def __init__(self, lines: bytes, *pieces: bytes, status: int = 200, broken: bool = False) -> None:
        self.head = head_of(lines, status)
        self.pieces = list(pieces)
        self.broken = broken
        self.whole: bytes | None = None
        self.ends_whole: Callable[[], bool] | None = None
        self.gone_after: int | None = None
        """Pieces; then its client has left, and only who outlasts it may read on."""
        self.outlasts = False
        self.until = math.inf
        self.passed_on = False
        self.received_bytes = 0
        self.unsaid = False
        self.event_bytes = 0

    def glance(self, tap: Tap) -> None:
        """Nothing has come that was not read."""

    def ends_whole_if(self, says: Callable[[], bool], said_all: Callable[[], bool]) -> None:
        self.ends_whole = says

    def has_alike(self, alike: object) -> None:
        """Nothing is pumped here."""

    async def read(self) -> bytes:
        if self.gone_after is not None and not self.outlasts:
            if self.gone_after == 0:
                raise ClientGone
            self.gone_after -= 1
        if self.pieces:
            return self.pieces.pop(0)
        if self.broken or (self.ends_whole is not None and not self.ends_whole()):
            raise UpstreamFailure(ResultKind.BROKEN, "it broke")
        return b""

    def outlast(self) -> None:
        self.outlasts = True

    async def read_all(self, limit_bytes: int, tap: Tap | None = None) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
            if tap is not None:
                tap.feed(piece)
        return b"".join(pieces)


@pytest.fixture
def record() -> Record:
    return Record(call_id="c", started_unix_s=0.0, method="POST", route="/chat/completions")


@pytest.fixture
def door(exchange: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its relay ends as `door.end` says."""
    made = exchange()
    made.end_of_relay = End.DONE

    async def relayed(answer: FakeAnswer, extra: bytes, tap: Tap | None, _sieve: object = None) -> End:
        made.committed, made.extra = True, extra
        for piece in answer.pieces:
            if tap is not None:
                tap.feed(piece)
        return made.end_of_relay

    monkeypatch.setattr(made, "relay", relayed)
    return made


async def relayed(door: Any, call: Call, answer: Any, record: Record, result: Result = OK) -> Any:
    return await relay(door, call, answer, result, b"x-a: b\r\n", record, None)


# -- relay


@pytest.mark.parametrize(
    ("lines", "body", "added"),
    [(JSON, USAGE, b""), (SSE, USAGE_EVENT + DONE, UNHELD_LINES)],
    ids=["json", "stream"],
)
async def test_what_the_record_learns(
    door: Any, a_call: Callable[..., Call], record: Record, lines: bytes, body: bytes, added: bytes
) -> None:
    delivery = await relayed(door, a_call(), FakeAnswer(lines + CHUNKED, body), record)
    assert (delivery.outcome, delivery.result, delivery.error) == (Outcome.OK, OK, None)
    assert (record.status, record.usage, record.model_served) == (200, Usage(3, 4, 7), "gpt-4o-x")
    assert door.extra == b"x-a: b\r\n" + added


async def test_asking_again_for_an_object_costs_nothing(
    door: Any, a_call: Callable[..., Call], record: Record
) -> None:
    await relayed(door, a_call(method=b"GET"), FakeAnswer(JSON + CHUNKED, USAGE), record)
    assert (record.usage, record.model_served) == (None, None)


@pytest.mark.parametrize("end", [End.SINK_GONE, End.SINK_STALLED])
async def test_a_client_that_leaves_says_nothing_about_the_key(
    door: Any, a_call: Callable[..., Call], record: Record, end: End
) -> None:
    door.end_of_relay = end
    delivery = await relayed(door, a_call(), FakeAnswer(SSE + CHUNKED, USAGE_EVENT), record)
    assert (delivery.outcome, delivery.result.kind) == (Outcome.CLIENT_GONE, ResultKind.NEUTRAL)
    assert door.last_words is None
    assert record.usage == Usage(3, 4, 7), "what was made is counted"


@pytest.mark.parametrize("end", [End.SOURCE_EOF, End.SOURCE_BROKEN, End.BAD_FRAMING, End.STALLED])
@pytest.mark.parametrize(("lines", "words"), [(SSE, BROKE_OFF), (JSON, b"")], ids=["stream", "json"])
async def test_an_upstream_that_breaks_off(
    door: Any, a_call: Callable[..., Call], record: Record, end: End, lines: bytes, words: bytes
) -> None:
    door.end_of_relay = end
    delivery = await relayed(door, a_call(), FakeAnswer(lines + CHUNKED, b"x"), record)
    assert (delivery.outcome, delivery.error) == (Outcome.TRUNCATED, end.value)
    assert delivery.result == Result(ResultKind.BROKEN, 200)
    assert door.last_words == words


async def test_a_break_counts_though_the_client_is_gone_too(
    door: Any, a_call: Callable[..., Call], record: Record
) -> None:
    door.end_of_relay, door.gone_at = End.SOURCE_EOF, "abort"
    delivery = await relayed(door, a_call(), FakeAnswer(SSE + CHUNKED), record)
    assert (delivery.outcome, delivery.result.kind) == (Outcome.TRUNCATED, ResultKind.BROKEN)


def test_the_last_words_are_one_event_in_openais_shape() -> None:
    assert BROKE_OFF.startswith(b"data: ")
    assert BROKE_OFF.endswith(b"\n\n")
    error = msgspec.json.decode(BROKE_OFF.removeprefix(b"data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert b"[DONE]" not in BROKE_OFF


@pytest.mark.parametrize(
    ("lines", "pieces", "status", "whole"),
    [
        (SSE, (USAGE_EVENT, DONE), 200, True),
        (SSE, (USAGE_EVENT, b"data: [DONE]"), 200, True),
        (SSE, (USAGE_EVENT,), 200, False),
        (SSE, (), 200, False),
        (SSE + b"content-encoding: gzip\r\n", (b"x",), 200, True),
        (SSE, (b"x",), 500, True),
        (JSON, (b'{"half',), 200, True),
    ],
)
async def test_which_bodies_until_the_close_are_whole(
    door: Any, a_call: Callable[..., Call], record: Record, lines: bytes, pieces: tuple[bytes, ...],
    status: int, whole: bool,
) -> None:  # fmt: skip
    answer = FakeAnswer(lines, *pieces, status=status)
    await relayed(door, a_call(), answer, record)
    assert answer.ends_whole is not None
    assert answer.ends_whole() is whole


async def test_a_framed_body_needs_no_last_words(
    door: Any, a_call: Callable[..., Call], record: Record
) -> None:
    answer = FakeAnswer(SSE + CHUNKED, b"x")
    await relayed(door, a_call(), answer, record)
    assert answer.ends_whole is None


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (200, ResultKind.OK, Outcome.OK),
        (304, ResultKind.OK, Outcome.OK),
        (404, ResultKind.NEUTRAL, Outcome.CLIENT_ERROR),
        (401, ResultKind.AUTH, Outcome.UPSTREAM_ERROR),
        (429, ResultKind.RATE_LIMITED, Outcome.UPSTREAM_ERROR),
        (500, ResultKind.SERVER_ERROR, Outcome.UPSTREAM_ERROR),
    ],
)
def test_outcomes(status: int, kind: ResultKind, outcome: Outcome) -> None:
    assert outcome_of(status, kind) is outcome


# -- translated


async def test_a_whole_completion_becomes_a_chat_answer(exchange: Callable[..., Any], record: Record) -> None:
    door = exchange()
    delivery = await relay_translated(door, CALL, FakeAnswer(JSON, TEXT), OK, b"", record, AS_CHAT)  # type: ignore[arg-type]
    answer = msgspec.json.decode(b"".join(door.written))
    assert answer["choices"][0]["message"]["content"] == "hi"
    assert (door.ended, delivery.outcome, record.status) == (True, Outcome.OK, 200)


async def test_a_whole_completion_that_breaks_may_be_asked_again(
    exchange: Callable[..., Any], record: Record
) -> None:
    door = exchange()
    with pytest.raises(UpstreamFailure):
        await relay_translated(door, CALL, FakeAnswer(JSON, TEXT, broken=True), OK, b"", record, AS_CHAT)  # type: ignore[arg-type]
    assert not door.committed


@pytest.mark.parametrize("framing", [CHUNKED, b""], ids=["chunked", "until close"])
async def test_a_stream_is_translated_event_by_event(
    exchange: Callable[..., Any], record: Record, framing: bytes
) -> None:
    door = exchange()
    answer = FakeAnswer(SSE + framing, TEXT_EVENT[:30], TEXT_EVENT[30:] + DONE)
    delivery = await relay_translated(door, CALL, answer, OK, b"", record, AS_CHAT)  # type: ignore[arg-type]
    first, done, _ = b"".join(door.written).split(b"\n\n")
    choice = msgspec.json.decode(first.removeprefix(b"data: "))["choices"][0]
    assert choice["delta"] == {"role": "assistant", "content": "hi"}
    assert (done, door.ended, delivery.outcome) == (b"data: [DONE]", True, Outcome.OK)


@pytest.mark.parametrize(
    ("framing", "broken"), [(CHUNKED, True), (b"", False)], ids=["chunked", "until close"]
)
async def test_a_translated_stream_that_breaks_says_so(
    exchange: Callable[..., Any], record: Record, framing: bytes, broken: bool
) -> None:
    door = exchange()
    answer = FakeAnswer(SSE + framing, TEXT_EVENT, broken=broken)
    delivery = await relay_translated(door, CALL, answer, OK, b"", record, AS_CHAT)  # type: ignore[arg-type]
    assert (door.last_words, door.ended) == (BROKE_OFF, False)
    assert b"[DONE]" not in b"".join(door.written)
    assert (delivery.outcome, delivery.result) == (Outcome.TRUNCATED, Result(ResultKind.BROKEN, 200))
    assert delivery.error == "it broke"


async def test_a_client_that_leaves_a_translated_stream(exchange: Callable[..., Any], record: Record) -> None:
    door = exchange()
    door.gone_at = "write"
    with pytest.raises(ClientGone):
        await relay_translated(door, CALL, FakeAnswer(SSE + CHUNKED, TEXT_EVENT), OK, b"", record, AS_CHAT)  # type: ignore[arg-type]


async def test_an_error_is_told_in_the_clients_words(exchange: Callable[..., Any], record: Record) -> None:
    door = exchange()
    in_words = msgspec.structs.replace(AS_CHAT, error=lambda status, body: (status - 26, b"not " + body))
    answer = FakeAnswer(JSON, b"overloaded", status=529)
    result = Result(ResultKind.SERVER_ERROR, 529)
    delivery = await relay_translated(door, CALL, answer, result, b"", record, in_words)  # type: ignore[arg-type]
    assert (b"".join(door.written), door.ended) == (b"not overloaded", True)
    assert (answer.head.status, answer.head.reason, record.status) == (503, b"Service Unavailable", 503)
    assert (delivery.outcome, delivery.result) == (Outcome.UPSTREAM_ERROR, result)


async def test_into_a_stream_begun_early_goes_the_clients_language(door: Any, record: Record) -> None:
    answer = FakeAnswer(SSE + CHUNKED, TEXT_EVENT, DONE)
    await relay_into_open(door, CALL, answer, OK, record, translation=AS_CHAT)  # type: ignore[arg-type]
    assert b'"object":"chat.completion.chunk"' in b"".join(door.written)
    assert b"".join(door.written).endswith(DONE)


async def test_so_do_errors(door: Any, record: Record) -> None:
    told = b'{"error":{"message":"in its words","type":"t","param":null,"code":null}}'
    in_words = msgspec.structs.replace(AS_CHAT, error=lambda status, _: (status, told))
    answer = FakeAnswer(JSON, b"overloaded", status=529)
    await relay_into_open(door, CALL, answer, OK, record, translation=in_words)  # type: ignore[arg-type]
    assert door.last_words is not None
    assert b"in its words" in door.last_words


# -- objects


def taught(body: bytes) -> IdTap:
    tap = IdTap(b"application/json")
    tap.feed(body)
    return tap


def test_objects_of_a_good_answer_are_remembered(a_call: Callable[..., Call], a_deployment: Any) -> None:
    store = MemoryStore(9)
    remember(store, CALL, a_deployment(), 200, taught(b'{"id":"file-1","object":"file"}'))
    assert store.get("file-1") == "scope-d"


@pytest.mark.parametrize("status", [199, 302, 404, 500])
def test_those_of_a_bad_answer_are_not(a_call: Callable[..., Call], a_deployment: Any, status: int) -> None:
    store = MemoryStore(9)
    remember(store, CALL, a_deployment(), status, taught(b'{"id":"file-1","object":"file"}'))
    assert len(store) == 0


@pytest.mark.parametrize(("status", "known"), [(200, False), (404, True)])
def test_a_deleted_object_is_forgotten(
    a_call: Callable[..., Call], a_deployment: Any, status: int, known: bool
) -> None:
    store = MemoryStore(9)
    store.put("file-1", "scope-d")
    call = a_call(method=b"DELETE", route=Route(Kind.THROUGH, "/files", b"/v1/files/file-1"))
    remember(store, call, a_deployment(), status, taught(b'{"id":"file-1","deleted":true}'))
    assert (store.get("file-1") is not None) is known


# -- into a stream that the gateway began


@pytest.mark.parametrize(
    ("pieces", "last_words"),
    [
        ([], BROKE_OFF),
        ([b"data: 1\n", b"\n"], BROKE_OFF),
        ([b"data: 1\r\n\r", b"\n"], BROKE_OFF),
        ([b"data: 1\n\n", b"data: {"], b""),
        ([b"data: 1\n"], b""),
    ],
)
async def test_its_breaking_off_is_told_between_events_only(
    door: Any, record: Record, pieces: list[bytes], last_words: bytes
) -> None:
    answer: Any = FakeAnswer(SSE + CHUNKED, *pieces, broken=True)
    delivery = await relay_into_open(door, CALL, answer, OK, record)
    assert (delivery.outcome, delivery.result.kind) == (Outcome.TRUNCATED, ResultKind.BROKEN)
    assert (door.written, door.last_words, door.ended) == (pieces, last_words, False)


async def test_a_stream_begun_early_that_ends_by_closing_is_whole_by_its_own_last_event(
    door: Any, record: Record
) -> None:
    cut = FakeAnswer(SSE, b"data: 1\n\n")
    delivery = await relay_into_open(door, CALL, cut, OK, record)  # type: ignore[arg-type]
    assert (delivery.outcome, door.ended, door.last_words) == (Outcome.TRUNCATED, False, BROKE_OFF)
    whole = FakeAnswer(SSE, b"data: 1\n\n", DONE)
    delivery = await relay_into_open(door, CALL, whole, OK, record)  # type: ignore[arg-type]
    assert (delivery.outcome, door.ended) == (Outcome.OK, True)


# -- drained


async def into_open(door: Any, answer: Any, record: Record, drain_s: float) -> None:
    await relay_into_open(door, CALL, answer, OK, record, drain_s)


async def as_chat(door: Any, answer: Any, record: Record, drain_s: float) -> None:
    await relay_translated(door, CALL, answer, OK, b"", record, AS_CHAT, drain_s)


DRAINED = {
    "into a stream begun early": (into_open, SSE + CHUNKED, (b"data: 1\n\n", USAGE_EVENT, DONE)),
    "a completions stream": (as_chat, SSE + CHUNKED, (TEXT_EVENT, USAGE_EVENT, DONE)),
    "a whole completion": (as_chat, JSON, (USAGE[:9], USAGE[9:])),
}


@pytest.mark.parametrize(("drain_s", "usage"), [(60.0, Usage(3, 4, 7)), (0.0, None)])
@pytest.mark.parametrize(("relaying", "lines", "pieces"), DRAINED.values(), ids=DRAINED)
async def test_what_its_client_left_is_read_on_where_it_drains(
    door: Any,
    record: Record,
    relaying: Callable[..., Any],
    lines: bytes,
    pieces: tuple[bytes, ...],
    drain_s: float,
    usage: Usage | None,
) -> None:
    answer = FakeAnswer(lines, *pieces)
    answer.gone_after = 1
    with pytest.raises(ClientGone):
        await relaying(door, answer, record, drain_s)
    assert record.usage == usage
    assert answer.outlasts is bool(drain_s)


async def test_a_client_that_leaves_at_a_write_is_drained_too(door: Any, record: Record) -> None:
    door.gone_at = "write"
    with pytest.raises(ClientGone):
        await into_open(door, FakeAnswer(SSE + CHUNKED, b"data: 1\n\n", USAGE_EVENT, DONE), record, 60.0)
    assert record.usage == Usage(3, 4, 7)


# -- delivered


@pytest.mark.parametrize(("pieces", "delivered"), [((TEXT_EVENT, DONE), True), ((TEXT_EVENT,), False)])
async def test_a_translated_stream_whose_client_leaves_with_its_last_event(
    door: Any, record: Record, pieces: tuple[bytes, ...], delivered: bool
) -> None:
    answer: Any = FakeAnswer(SSE + CHUNKED, *pieces)
    answer.gone_after = len(pieces)
    if not delivered:
        with pytest.raises(ClientGone):
            await relay_translated(door, CALL, answer, OK, b"", record, AS_CHAT)
        return
    delivery = await relay_translated(door, CALL, answer, OK, b"", record, AS_CHAT)
    assert (delivery.outcome, delivery.result) == (Outcome.OK, OK)
    assert answer.outlasts, "the rest is read for its connection's sake"


@pytest.mark.parametrize(
    ("sent", "added"),
    [
        (b"", UNHELD_LINES),
        (b"Cache-Control: no-store\r\n", b"x-accel-buffering: no\r\n"),
        (b"x-accel-buffering: yes\r\n", b"cache-control: no-cache\r\n"),
        (b"x-accel-buffering: no\r\ncache-control: no-cache\r\n", b""),
    ],
)
async def test_proxies_in_front_are_told_not_to_hold_a_stream(
    door: Any, a_call: Callable[..., Call], record: Record, sent: bytes, added: bytes
) -> None:
    await relayed(door, a_call(), FakeAnswer(SSE + sent + CHUNKED, USAGE_EVENT + DONE), record)
    assert door.extra == b"x-a: b\r\n" + added
    await relay_translated(
        door, CALL, FakeAnswer(SSE + sent + CHUNKED, TEXT_EVENT, DONE), OK, b"", record, AS_CHAT
    )
    assert door.extra == added
