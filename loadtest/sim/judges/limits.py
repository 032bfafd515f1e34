"""What an operator has limited stays within its limit: requests a minute of a key, and the seconds of a request."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Leaves
from loadtest.sim.story import Asked

MINUTE_S = 60.0
SLACK_S = 3.0
"""For last words, and for a client that is far away to take them."""


def judge(case: Case) -> Iterator[str]:
    for name, target in case.targets.items():
        if target.rpm is not None and not target.removed:
            yield from _a_minute(case, name, target.rpm)
    for asked, recorded in case.records.items():
        if recorded is None or not _reads_at_once(case, asked):
            continue
        most_s = case.plan.total_timeout_s + SLACK_S
        if recorded.record.duration_s > most_s:
            yield f"request {asked.ask.number} took {recorded.record.duration_s:.1f} s, and may take {most_s:.1f}"


def _reads_at_once(case: Case, asked: Asked) -> bool:
    """And has sent at once: a body that trickles in has limits of its own, as has what the gateway writes itself."""
    written_here = any(
        each.said is not None and each.said.translated for each in case.attempts[asked.ask.number]
    )
    return (
        asked.body_sent
        and asked.client not in case.slow
        and asked.ask.leaves is Leaves.NEVER
        and not written_here
    )


def _a_minute(case: Case, name: str, rpm: int) -> Iterator[str]:
    """What is sent again on a new connection, because the old one was closed, counts once."""
    asked_s = [
        attempt.asked_s
        for attempt in case.story.attempts
        if attempt.upstream == name and attempt.head_sent_s is not None
    ]
    for first, last in zip(asked_s, asked_s[rpm:], strict=False):
        if last - first < MINUTE_S - SLACK_S:
            yield f"{name} had more than {rpm} requests in the minute from {first:.1f} on"
            return
