"""What an upstream says to a request, well or in trouble. Pure: who judges an answer can say it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from loadtest.answers import (
    Answer,
    chat,
    chat_stream,
    error,
    event,
    reset,
    stalled,
    truncated,
)

GAPS_S = (0.0, 0.0, 0.002, 0.01)
EVENTS = (3, 10, 10, 30, 60)
SIZES = (500, 500, 2_000, 20_000, 100_000)
HALF_HEAD_BYTES = 20
RETRY_AFTER_S = "1"
BETWEEN_PIECES = 0.5
"""Share of the breaks in a stream that come between two events."""


def said(upstream: str, number: int, *, stream: bool) -> Answer:
    """Every event, and every whole answer, names its upstream and its request."""
    random = Random(number)
    name = f"{upstream}.{number}"
    if not stream:
        return chat(name, random.choice(SIZES))
    usual = chat_stream(0, random.choice(GAPS_S))
    assert isinstance(usual.body, tuple)
    events = (event(index, name) for index in range(random.choice(EVENTS)))
    return replace(usual, body=(*events, *usual.body))


def error_said(upstream: str, number: int, status: int) -> Answer:
    return error(
        status, f"{status} {upstream}.{number}", retry_after=RETRY_AFTER_S if status == 429 else None
    )


def content(answer: Answer) -> bytes:
    """Its body, unframed."""
    assert isinstance(answer.body, bytes | tuple)
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def _within_body(answer: Answer, random: Random) -> int:
    """Bytes after which it breaks: between two pieces, or anywhere but in its head and at its end."""
    sizes = [len(piece) for piece in answer.writes()]
    if len(sizes) > 1 and random.random() < BETWEEN_PIECES:
        return sum(sizes[: random.randrange(1, len(sizes))])
    return random.randrange(len(answer.head()) + 1, sum(sizes))


Fault = Callable[[Answer, Random], Answer]
FAULTS: dict[str, Fault] = {
    "silent": lambda answer, _: stalled(0, answer),
    "head-then-silent": lambda answer, _: stalled(len(answer.head()), answer),
    "stalls": lambda answer, random: stalled(_within_body(answer, random), answer),
    "resets": lambda answer, random: reset(_within_body(answer, random), answer),
    "closes": lambda answer, random: truncated(_within_body(answer, random), answer),
    "unanswered": lambda answer, _: truncated(0, answer),
    "head-cut": lambda answer, _: truncated(HALF_HEAD_BYTES, answer),
    "garbage": lambda _answer, _: Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", close_after=True),
    "500": lambda answer, _: answer,
    "503": lambda answer, _: answer,
    "429": lambda answer, _: answer,
}


def said_in_trouble(upstream: str, number: int, kind: str, random: Random, *, stream: bool) -> Answer:
    if kind.isdigit():
        return error_said(upstream, number, int(kind))
    return FAULTS[kind](said(upstream, number, stream=stream), random)
