"""In flight per key, as its upstream sees it, is never more than `max_parallel_requests`."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.story import Attempt


def judge(case: Case) -> Iterator[str]:
    for name, target in case.targets.items():
        if target.cap is None or target.removed:
            continue
        attempts = [attempt for attempt in case.story.attempts if attempt.upstream == name]
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
    """Its answer was all sent, or the gateway cut it; a failing one gives its slot back when it is known to fail."""
    ends = []
    if attempt.connection.gateway.closed:
        ends.append(attempt.connection.gateway.closed_at)
    if attempt.over_s is not None:
        ends.append(attempt.over_s)
    if attempt.said is not None and not 200 <= attempt.said.status < 300 and attempt.head_sent_s is not None:
        ends.append(attempt.head_sent_s)
    return min(ends, default=float("inf"))
