"""Whatever language an upstream speaks, its client hears its own: every word, the end where there was one, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loadtest.sim.judges.case import Case
from loadtest.sim.judges.relays import without_comments
from loadtest.sim.languages import ANTHROPIC, ENDS, of_door
from loadtest.sim.plan import Fault, Kind
from loadtest.sim.story import Asked, Ending, Said

_WHOLE_WORDS = frozenset(
    {Fault.NONE, Fault.SLOW, Fault.INTERIM, Fault.CLOSES_AFTER, Fault.LIMITED, Fault.REJECTING}
)
"""Faults that take nothing of what an answer says."""


def judge(case: Case) -> Iterator[str]:
    for asked in case.carried():
        attempts = case.attempts[asked.ask.number]
        if asked.ask.kind is not Kind.CHAT:
            continue
        for attempt in attempts:
            if attempt.words_lost:
                yield f"request {asked.ask.number} came to {attempt.upstream} without its words"
        if asked.status:
            said = attempts[-1].said if attempts else None
            for wrong in _heard(asked, said):
                yield f"request {asked.ask.number} ({asked.status}, {asked.ending.value}): {wrong}"


def _heard(asked: Asked, said: Said | None) -> Iterator[str]:
    language = of_door(asked.ask.target)
    payload = without_comments(bytes(asked.payload))
    if asked.headers.get(b"content-type", b"").startswith(b"text/event-stream"):
        yield from _stream(asked, said, payload, language)
    elif asked.ending is Ending.WHOLE and (said is None or said.whole):
        yield from _whole(asked, said, payload, language)


def _whole(asked: Asked, said: Said | None, payload: bytes, language: str) -> Iterator[str]:
    if said is not None and said.fault not in _WHOLE_WORDS:
        return
    try:
        told: dict[str, Any] = json.loads(payload)
    except ValueError:
        yield f"no JSON: {payload[:80]!r}"
        return
    anthropics = told.get("type") in ("message", "error")
    if anthropics != (language == ANTHROPIC):
        yield f"not in its client's language: {payload[:80]!r}"
    elif asked.status == 200 and said is not None and said.words is not None:
        heard = _words(told, language)
        if heard != said.words.decode():
            yield f"{len(heard)} letters of the {len(said.words)} that were said"


def _words(told: dict[str, Any], language: str) -> str:
    if language == ANTHROPIC:
        return "".join(block["text"] for block in told["content"])
    return "".join(choice["message"]["content"] for choice in told["choices"])


def _stream(asked: Asked, said: Said | None, payload: bytes, language: str) -> Iterator[str]:
    own, others = (ENDS[1], ENDS[0]) if language == ANTHROPIC else ENDS
    if others in payload:
        yield "the end of a stream in another language"
    whole_events = payload[: payload.rfind(b"\n\n") + 2]
    heard, wrong = _words_in(whole_events, language)
    if wrong:
        yield wrong
    if said is None or said.words is None:
        return
    if not said.words.decode().startswith(heard):
        yield f"{heard[-60:]!r} was not said"
    if asked.ending is Ending.WHOLE and said.whole and own in payload and heard != said.words.decode():
        yield f"{len(heard)} letters of the {len(said.words)} that were said"


def _words_in(payload: bytes, language: str) -> tuple[str, str]:
    """(what its client hears, what is wrong with its events)"""
    heard: list[str] = []
    for event in payload.split(b"\n\n")[:-1]:
        data = next((line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")), b"")
        if data in (b"", b"[DONE]"):
            continue
        try:
            told: dict[str, Any] = json.loads(data)
        except ValueError:
            return "", f"no JSON in an event: {data[:80]!r}"
        if ("type" in told) != (language == ANTHROPIC):
            return "", f"an event in another language: {data[:80]!r}"
        if language == ANTHROPIC:
            heard.append(told.get("delta", {}).get("text", ""))
        else:
            heard += [choice["delta"].get("content") or "" for choice in told.get("choices", ())]
    return "".join(heard), ""
