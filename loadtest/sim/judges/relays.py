"""What a client gets is one upstream's answer, byte for byte, as far as it goes; and a broken one never looks whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.languages import ANTHROPIC, of_door, said_last
from loadtest.sim.story import Asked, Attempt, Ending, Said

COMMENT = b": keep-alive\n"
_COMMENTS = re.compile(rb"(\A|\n\n)(?:: keep-alive\n)+")
ERROR_BEGINS = (b'data: {"error":', b'event: error\ndata: {"type":"error",')
ERROR_EVENT = re.compile(rb'(?:data: \{"error":|event: error\ndata: \{"type":"error",)[^\n]*\}\n\n')
OWN_STATUSES = frozenset({400, 401, 402, 403, 404, 408, 413, 429, 502, 503, 504})
"""Of answers that the gateway makes itself; it repeats what made keys rest. 500 would be a bug of its own."""
MOST_ATTEMPTS = 60
"""Retries and fallbacks end."""


def judge(case: Case) -> Iterator[str]:
    for attempt in case.story.attempts:
        if not attempt.authorized:
            yield f"request {attempt.number} came to {attempt.upstream} with another key"
    for asked in case.carried():
        attempts = case.attempts[asked.ask.number]
        if len(attempts) > MOST_ATTEMPTS:
            yield f"request {asked.ask.number} was tried {len(attempts)} times"
        if asked.status:
            for wrong in _answer(asked, attempts):
                yield f"request {asked.ask.number} ({asked.status}, {asked.ending.value}): {wrong}"


def _answer(asked: Asked, attempts: list[Attempt]) -> Iterator[str]:
    tag = asked.headers.get(b"x-answer")
    if tag is not None:
        yield from _relayed(asked, attempts, tag)
    elif asked.status == 200:
        yield from _begun_early(asked, attempts)
    else:
        yield from _own(asked)


def _relayed(asked: Asked, attempts: list[Attempt], tag: bytes) -> Iterator[str]:
    found = [attempt for attempt in attempts if attempt.said is not None and attempt.said.tag == tag]
    if not found or found[0].said is None:
        yield f"the answer {tag!r} was never given to it"
        return
    if found[0] is not attempts[-1]:
        yield f"{tag!r} is not the answer of its last attempt"
    if asked.status not in (found[0].said.status, found[0].said.hides):
        yield f"{tag!r} had the status {found[0].said.status}"
    payload = bytes(asked.payload)
    yield from _bytes(asked, found[0].said, without_comments(payload) if found[0].said.streams else payload)


def without_comments(payload: bytes) -> bytes:
    """Without those that stand between events, and the beginning of one at the end."""
    payload = _COMMENTS.sub(rb"\1", payload)
    for length in range(len(COMMENT) - 1, 0, -1):
        before = payload[:-length]
        if payload.endswith(COMMENT[:length]) and (not before or before.endswith(b"\n\n")):
            return before
    return payload


def _bytes(asked: Asked, said: Said, payload: bytes) -> Iterator[str]:
    if said.translated:
        yield from _translated(asked, said, payload)
        return
    if asked.ending is Ending.WHOLE:
        if payload != said.payload:
            yield f"looks whole, with {len(payload)} bytes for the {len(said.payload)} of {said.tag!r}"
        if not said.whole:
            yield f"looks whole, and {said.tag!r} broke off"
        return
    relayed, last_words = _parted(payload, asked.ending) if said.streams else (payload, b"")
    if last_words and said.payload.startswith(payload):
        return  # the upstream's own error event
    if not said.payload.startswith(relayed):
        yield f"not the bytes of {said.tag!r}: {relayed[-80:]!r}, then {last_words[:80]!r}"


def _translated(asked: Asked, said: Said, payload: bytes) -> Iterator[str]:
    """Other bytes, of which only the end can be judged."""
    if asked.ending is Ending.WHOLE and not said.whole:
        yield f"looks whole, and {said.tag!r} broke off"
    if said.streams and said_last(payload) and not said_last(said.payload):
        yield f"an end that {said.tag!r} had not"


def _parted(payload: bytes, ending: Ending) -> tuple[bytes, bytes]:
    """What was relayed, and one error event behind it; a client that leaves may have read a part of that."""
    at = payload.rfind(b"\n\n", 0, -2) + 2 if b"\n\n" in payload[:-2] else 0
    last = payload[at:]
    if ERROR_EVENT.fullmatch(last) is not None:
        return payload[:at], last
    begun = (
        ending is Ending.LEFT
        and last
        and any(begins.startswith(last[: len(begins)]) for begins in ERROR_BEGINS)
    )
    return (payload[:at], last) if begun else (payload, b"")


def _begun_early(asked: Asked, attempts: list[Attempt]) -> Iterator[str]:
    """The gateway's own stream of comments, then an upstream's, or an error."""
    payload = without_comments(bytes(asked.payload))
    error = ERROR_EVENT.fullmatch(payload)
    if error is not None or not payload:
        if asked.ending is Ending.WHOLE and not (
            attempts and attempts[-1].said and attempts[-1].said.payload == payload
        ):
            yield "an error in a stream that looks whole"
        return
    if not attempts or attempts[-1].said is None:
        yield f"{payload[:80]!r} is nobody's"
        return
    said = attempts[-1].said
    told = b"data: " + said.payload
    if said.status != 200 and payload.startswith(told[:40]):
        return
    if not said.streams and asked.ending is not Ending.WHOLE and payload.startswith(b"data: "):
        return
    yield from _bytes(asked, said, payload)


def _own(asked: Asked) -> Iterator[str]:
    if asked.status not in OWN_STATUSES:
        yield "an answer of the gateway's own with this status"
    begins = b'{"type":"error","error":' if of_door(asked.ask.target) == ANTHROPIC else b'{"error":'
    if asked.ending is Ending.WHOLE and not asked.payload.startswith(begins):
        yield f"an error in another shape: {bytes(asked.payload[:80])!r}"
