"""Between two events, and before the first, a stream's client hears something at least every `sse_keepalive_s`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Fault, Kind
from loadtest.sim.story import Asked, Said
from proxy.gateway.telling.keepalive import LOOKS

_OF_ENTRIES = re.compile(r'"keepalive_seconds":([0-9.]+)')
SLACK_S = 1.0
"""For a client that is far away."""
ANNOUNCED = frozenset({Fault.LONG_LENGTH, Fault.SHORT_LENGTH})
"""Streams whose length was announced: nothing fits into them."""


def judge(case: Case) -> Iterator[str]:
    if not case.plan.keepalive_s:
        return
    own_s = map(float, _OF_ENTRIES.findall(case.plan.config))
    period_s = max(case.plan.keepalive_s, *own_s, 0.0)
    most_s = period_s * (1 + 1 / LOOKS) + SLACK_S
    for asked in case.carried():
        if not _is_kept_alive(case, asked):
            continue
        if asked.quiet_s > most_s:
            yield f"request {asked.ask.number} heard nothing for {asked.quiet_s:.1f} s between events"


def _is_kept_alive(case: Case, asked: Asked) -> bool:
    if asked.ask.kind is not Kind.CHAT or not asked.ask.stream or asked.client in case.slow:
        return False
    said = [attempt.said for attempt in case.attempts[asked.ask.number] if attempt.said is not None]
    return asked.headers.get(b"content-type", b"").startswith(b"text/event-stream") and not (
        said and (said[-1].fault in ANNOUNCED or not _pauses_between_events(said[-1]))
    )


def _pauses_between_events(said: Said) -> bool:
    """And not within the framing of one."""
    end = b"\n\n" if said.until_close else b"\n\n\r\n"
    return all(piece.endswith((end, b"\r\n\r\n")) for piece in said.pieces)
