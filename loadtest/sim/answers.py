"""What upstreams say, well or badly, with the truth about each answer: its payload, and whether it is whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from loadtest.sim import languages
from loadtest.sim.languages import ANTHROPIC, CHAT, TEXT
from loadtest.sim.plan import Fault, Phase
from loadtest.sim.story import Said
from proxy.accounting.usage import JSON_LIMIT_BYTES
from proxy.types import Usage

DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"
REASON = b"Told"
SIZES_BYTES = (*(10, 400, 3000, 40_000) * 6, 1_500_000)
"""Of whole answers: hardly ever one that takes more than its fair share of the reactor."""
LENGTH, CHUNKED, CLOSE = "length", "chunked", "close"
STATUSES: dict[Fault, tuple[int, ...]] = {
    Fault.FAILING: (500, 502, 503, 504, 408),
    Fault.LIMITED: (429,),
    Fault.LIMITED_UNTIMED: (429,),
    Fault.NO_MONEY: (429,),
    Fault.UNAUTHORIZED: (401, 402, 403),
    Fault.REJECTING: (400, 404, 409, 413, 422),
}
EARLY_STATUSES = (413, 503)
CODES = {
    Fault.NO_MONEY: b"insufficient_quota",
    Fault.HIDDEN: b"insufficient_quota",
    Fault.UNAUTHORIZED: b"invalid_api_key",
}
HIDES = {Fault.ERROR_EVENT: 502, Fault.HIDDEN: 403}
"""What the status of a good answer should have been."""


@dataclass(frozen=True)
class Question:
    """What an answer must know of its request."""

    tag: bytes
    """Of the attempt: no two answers hold the same bytes."""
    streams: bool
    wants_usage: bool
    language: str = CHAT
    heard_in: str = CHAT
    """Its client's."""
    generates: bool = True
    """Else an upload."""
    lines: bytes = b""
    """Header lines of good answers."""


@dataclass
class _Body:
    pieces: list[bytes]
    usage: Usage | None
    content_type: bytes
    words: bytes | None = None

    @property
    def payload(self) -> bytes:
        return b"".join(self.pieces)


def answer(question: Question, phase: Phase | None, fault: Fault, chance: random.Random) -> Said:
    """One answer with its fault; where it stops half-way, `stop` cuts it."""
    if fault is Fault.GARBAGE:
        return Said(fault, question.tag, 0, question.streams, b"", False, None, [chance.choice(_GARBAGE)])
    if fault is Fault.EARLY:
        return _error(question, fault, chance.choice(EARLY_STATUSES), phase, chance)
    if fault is Fault.HIDDEN:
        return _error(question, fault, 200, phase, chance)
    if fault in STATUSES:
        return _error(question, fault, chance.choice(STATUSES[fault]), phase, chance)
    body = _stream(question, fault, chance) if question.streams else _completion(question, chance)
    framing = _FRAMINGS.get(fault) or _usual_framing(question, chance)
    said = _framed(fault, question, body, framing, chance, lines=question.lines)
    said.words = body.words
    if fault is Fault.INTERIM:
        said.pieces[:0] = [
            b"HTTP/1.1 %d Early\r\nx-of: %b\r\n\r\n" % (code, question.tag) for code in (102, 103)
        ]
    return said


_FRAMINGS = {Fault.LONG_LENGTH: LENGTH, Fault.SHORT_LENGTH: LENGTH, Fault.BAD_CHUNK: CHUNKED}
_GARBAGE = (
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
)


def _usual_framing(question: Question, chance: random.Random) -> str:
    if question.streams:
        return chance.choice((CHUNKED, CHUNKED, CHUNKED, CLOSE))
    return chance.choice((LENGTH, LENGTH, LENGTH, CHUNKED, CLOSE))


def _usage(chance: random.Random) -> Usage:
    sent, made = chance.randrange(1, 5000), chance.randrange(0, 900)
    return Usage(sent, made, sent + made)


def _usage_json(usage: Usage) -> bytes:
    return b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}' % (
        usage.input_tokens or 0,
        usage.output_tokens or 0,
        usage.total_tokens or 0,
    )


def _completion(question: Question, chance: random.Random) -> _Body:
    usage = _usage(chance) if chance.random() < 0.9 else None
    text = question.tag + b" " + b"a" * chance.choice(SIZES_BYTES)
    if question.language == ANTHROPIC:
        usage = usage or Usage(1, 1, 2)
        said = languages.message(question.tag, text, usage)
        return _Body(_cut(said, chance), usage, b"application/json", text)
    if question.language == TEXT:
        body = b'{"id":"%b","object":"text_completion","model":"m","choices":[{"index":0,' % question.tag
        body += b'"text":"%b","finish_reason":"stop"}]' % text
        return _Body(_cut(_with_usage(body, usage), chance), usage, b"application/json", text)
    body = (
        b'{"id":"%b","object":"chat.completion","model":"m","choices":[{"index":0,"message":' % question.tag
    )
    body += b'{"role":"assistant","content":"%b"},"finish_reason":"stop"}]' % text
    return _Body(_cut(_with_usage(body, usage), chance), usage, b"application/json", text)


def _with_usage(body: bytes, usage: Usage | None) -> bytes:
    return body + (b',"usage":%b}' % _usage_json(usage) if usage else b"}")


def _stream(question: Question, fault: Fault, chance: random.Random) -> _Body:
    anthropics = question.language == ANTHROPIC
    if fault is Fault.ERROR_EVENT and anthropics:
        return _Body([languages.error_event(question.tag)], None, b"text/event-stream")
    if fault is Fault.ERROR_EVENT:
        event = b'data: {"error":{"message":"%b","type":"server_error","code":null}}\n\n' % question.tag
        return _Body([event, DONE], None, b"text/event-stream")
    begins = question.language == CHAT and chance.random() < 0.5
    events = [_event(question.tag, b'{"role":"assistant","content":""}')] if begins else []
    length = chance.choice((1, 3, 8, 20))
    size = chance.choice((10, 10, 200, 2000))
    one = _text_event if question.language == TEXT else _event
    words = [b"%d %b" % (number, b"b" * size) for number in range(length)]
    events += [one(question.tag, b'{"content":"%b"}' % word) for word in words]
    usage = _usage(chance) if question.wants_usage or anthropics else None
    if anthropics and usage is not None:
        spoken = list(languages.events(question.tag, words, usage))
        return _Body(spoken, usage, b"text/event-stream", b"".join(words))
    if usage is not None:
        events.append(b'data: {"id":"%b","choices":[],"usage":%b}\n\n' % (question.tag, _usage_json(usage)))
    return _Body([*events, DONE], usage, b"text/event-stream; charset=utf-8", b"".join(words))


def _event(tag: bytes, delta: bytes) -> bytes:
    return b'data: {"id":"%b","model":"m","choices":[{"index":0,"delta":%b}],"usage":null}\n\n' % (tag, delta)


def _text_event(tag: bytes, delta: bytes) -> bytes:
    text = delta.removeprefix(b'{"content":').removesuffix(b"}")
    return (
        b'data: {"id":"%b","object":"text_completion","model":"m","choices":[{"index":0,"text":%b}]}\n\n'
        % (
            tag,
            text,
        )
    )


def _error(question: Question, fault: Fault, status: int, phase: Phase | None, chance: random.Random) -> Said:
    code = CODES.get(fault, b"made_up")
    body = b'{"error":{"message":"%b","type":"simulated","param":null,"code":"%b"}}' % (question.tag, code)
    if question.language == ANTHROPIC:
        body = languages.error(question.tag, fault)
    lines = b""
    if phase is not None and phase.retry_after_s and status in (429, 503):
        lines = b"retry-after: %d\r\n" % phase.retry_after_s
    said = _framed(
        fault,
        question,
        _Body(_cut(body, chance), None, b"application/json"),
        chance.choice((LENGTH, LENGTH, CHUNKED)),
        chance,
        status,
        lines,
    )
    said.streams = False
    return said


def _framed(
    fault: Fault,
    question: Question,
    body: _Body,
    framing: str,
    chance: random.Random,
    status: int = 200,
    lines: bytes = b"",
) -> Said:
    head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\nx-answer: %b\r\n%b" % (
        status,
        b"OK" if status == 200 else REASON,
        body.content_type,
        question.tag,
        lines,
    )
    said = Said(fault, question.tag, status, question.streams, body.payload, True, body.usage, [])
    said.language = question.language
    languages_ = {question.language, question.heard_in}
    said.translated = len(languages_) > 1 and (status == 200 or ANTHROPIC in languages_)
    if question.generates and (fault is not Fault.ERROR_EVENT or question.streams):
        said.hides = HIDES.get(fault, 0)
    _FRAME[framing](said, head, body, chance)
    return said


def _by_length(said: Said, head: bytes, body: _Body, chance: random.Random) -> None:
    size = len(said.payload)
    if said.fault is Fault.LONG_LENGTH:
        size += chance.randrange(1, 200)
        said.whole = False
    elif said.fault is Fault.SHORT_LENGTH:
        size = max(1, size - chance.randrange(1, 30))
        _shorten(said, size)
    said.pieces = [head + b"content-length: %d\r\n\r\n" % size, *body.pieces]
    if chance.random() < 0.5:
        said.pieces[:2] = [b"".join(said.pieces[:2])]


def _by_chunks(said: Said, head: bytes, body: _Body, chance: random.Random) -> None:
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body.pieces]
    if said.fault is Fault.BAD_CHUNK:
        at = chance.randrange(len(pieces))
        _shorten(said, sum(map(len, body.pieces[:at])))
        pieces[at:] = [b"zz\r\nnot a chunk\r\n"]
        said.whole = False
    else:
        pieces.append(LAST_CHUNK)
        if chance.random() < 0.5:
            pieces[-2:] = [b"".join(pieces[-2:])]
    said.pieces = [head + b"transfer-encoding: chunked\r\n\r\n", *pieces]
    if chance.random() < 0.5:
        said.pieces[:2] = [b"".join(said.pieces[:2])]
    if chance.random() < 0.3:  # chunks need not come one by one
        said.pieces = _cut(b"".join(said.pieces), chance)


def _shorten(said: Said, size: int) -> None:
    """The usage stays in what is left of a stream, or of a JSON too long to be held; half a JSON says nothing."""
    if size >= len(said.payload) or said.usage is None:
        said.payload = said.payload[:size]
        return
    said.payload = said.payload[:size]
    told = _usage_json(said.usage) + (b"}" if said.streams else b"")
    if said.language == ANTHROPIC:
        told = languages.usage_json(said.usage) + (b"}}" if said.streams else b"")
    if told not in said.payload or not (said.streams or len(said.payload) > JSON_LIMIT_BYTES):
        said.usage = None


def _until_close(said: Said, head: bytes, body: _Body, _chance: random.Random) -> None:
    said.pieces = [head + b"connection: close\r\n\r\n", *body.pieces]
    said.until_close = True


_FRAME: dict[str, Callable[[Said, bytes, _Body, random.Random], None]] = {
    LENGTH: _by_length,
    CHUNKED: _by_chunks,
    CLOSE: _until_close,
}


def _cut(data: bytes, chance: random.Random) -> list[bytes]:
    """In up to four pieces."""
    places = sorted(chance.randrange(len(data)) for _ in range(chance.choice((0, 0, 1, 3))))
    bounds = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if start < end]


def stop(said: Said, at: int, *, cleanly: bool) -> None:
    """The answer goes no further than `at` bytes of what was to be written. `cleanly`: the connection says it ended."""
    wire = b"".join(said.pieces)
    if at >= len(wire):
        if said.until_close and not cleanly:  # a stream that has said its last event ends by that
            said.whole = said.streams and languages.had_last(said.payload)
        return
    said.pieces = _up_to(said.pieces, at)
    head = wire.find(b"\r\n\r\n") + 4
    if at < head:
        said.status, said.payload, said.whole, said.usage = 0, b"", False, None
        return
    if not said.until_close:
        said.whole = False
        return
    _shorten(said, at - head)
    said.whole = cleanly and (not said.streams or any(end in said.payload for end in languages.ENDS))


def _up_to(pieces: list[bytes], at: int) -> list[bytes]:
    kept: list[bytes] = []
    for piece in pieces:
        if at <= 0:
            break
        kept.append(piece[:at])
        at -= len(piece)
    return kept
