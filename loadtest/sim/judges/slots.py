"""In flight per key, as its upstream sees it, is never more than `max_parallel_requests`.

The free call that confirms a suspicion is no request of anybody's, and takes no slot.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Fault
from loadtest.sim.story import Attempt


def judge(case: Case) -> Iterator[str]:
    for name, target in case.targets.items():
        if target.cap is None or target.removed:
            continue
        attempts = [attempt for attempt in case.story.attempts if attempt.upstream == name and attempt.number]
        most, at_s = _most_at_once(attempts)
        if most > target.cap:
            yield f"{name} had {most} requests at once at {at_s:.4f}, its cap is {target.cap}"


def _most_at_once(attempts: list[Attempt]) -> tuple[int, float]:
    """What ends and what begins in one moment were not at once."""
    changes: list[tuple[float, int]] = []
    for attempt in attempts:
        over_s = _over_s(attempt)
        if over_s > attempt.asked_s:
            changes += [(attempt.asked_s, 1), (over_s, -1)]
    running = most = 0
    at_s = 0.0
    for moment, change in sorted(changes):
        running += change
        if running > most:
            most, at_s = running, moment
    return most, at_s


def _over_s(attempt: Attempt) -> float:
    """Its answer was all sent, or the gateway cut it. A failing one, whatever its status, gives its slot back when it
    is known to fail, one that is longer than it says is over before its upstream knows."""
    ends = []
    if attempt.connection.gateway.closed:
        ends.append(attempt.connection.gateway.closed_at)
    if attempt.over_s is not None:
        ends.append(attempt.over_s)
    said, head_sent_s = attempt.said, attempt.head_sent_s
    fails = said is not None and (bool(said.hides) or not 200 <= said.status < 300)
    over_early = said is not None and (said.fault is Fault.SHORT_LENGTH or fails)
    if over_early and head_sent_s is not None:
        ends.append(head_sent_s)
    return min(ends, default=float("inf"))
