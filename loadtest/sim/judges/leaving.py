"""When a client leaves, what is done for it ends within 50 ms; a deployment that drains reads on."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.languages import said_last
from loadtest.sim.plan import Fault, Kind
from loadtest.sim.story import Asked, Attempt
from proxy.gateway.telling.ends import REST_S

AT_ONCE_S = 0.05
READS_ON_S = REST_S + 0.2
"""What follows a stream's last event is read without its client."""
DRAINS_S = 2.0
"""Less than any limit that drains have here."""
SHORT_S = 10.0
"""Answers that take no longer run into no limit of their own."""
ON_ITS_WAY_S = 0.004
"""A request that was sent before may arrive later by its jitter."""


def judge(case: Case) -> Iterator[str]:
    for asked in case.carried():
        if asked.left_s is None:
            continue
        for attempt in case.attempts[asked.ask.number]:
            if not case.targets[attempt.upstream].drains:
                yield from _of_one(case, asked, attempt, asked.left_s)
            elif case.story.stopped_s is not None and not _had_all(asked, attempt):
                yield from _read_on(asked, attempt, asked.left_s, case.story.stopped_s)


def _of_one(case: Case, asked: Asked, attempt: Attempt, left_s: float) -> Iterator[str]:
    known_s = left_s + (READS_ON_S if _had_all(asked, attempt) else AT_ONCE_S)
    on_its_way_s = case.latency_s[attempt.upstream] + ON_ITS_WAY_S
    if attempt.asked_s - on_its_way_s > known_s:
        late_s = attempt.asked_s - left_s
        yield f"request {asked.ask.number} is sent to {attempt.upstream} {late_s:.3f} s after its client left"
    still_answers = attempt.over_s is None or attempt.over_s > known_s
    gateway = attempt.connection.gateway
    if still_answers and not (gateway.closed and gateway.closed_at <= known_s):
        yield (
            f"request {asked.ask.number}: its client left at {left_s:.3f}, its connection to {attempt.upstream}"
            f" was closed at {gateway.closed_at:.3f}"
        )


def _had_all(asked: Asked, attempt: Attempt) -> bool:
    """The stream's last event, its blank line or not, or the error in its place."""
    payload, said = bytes(asked.payload), attempt.said
    return said_last(payload) or (said is not None and bool(said.hides) and b'"error"' in payload)


def _read_on(asked: Asked, attempt: Attempt, left_s: float, stopped_s: float) -> Iterator[str]:
    """An answer that was on its way, and whole soon after."""
    said, over_s, gateway = attempt.said, attempt.over_s, attempt.connection.gateway
    if (
        asked.ask.kind is not Kind.CHAT
        or said is None
        or not said.whole
        or said.status != 200
        or over_s is None
        or attempt.head_sent_s is None
    ):
        return
    if said.fault is Fault.SHORT_LENGTH:  # it is over before its upstream knows
        return
    soon = attempt.head_sent_s < left_s < over_s < min(left_s + DRAINS_S, stopped_s)
    if soon and over_s - asked.sent_s < SHORT_S and gateway.closed and left_s <= gateway.closed_at < over_s:
        yield (
            f"request {asked.ask.number}: its client left at {left_s:.3f}, and {attempt.upstream} was cut off"
            f" at {gateway.closed_at:.3f} though it drains"
        )
