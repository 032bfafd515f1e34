"""Nothing outlives its request: no task, no connection, no slot; and the worker stops in time, with nothing open."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.story import AtRest

LAST_WORDS_S = 1.5
"""For requests to be told that the worker stops."""


def judge(case: Case) -> Iterator[str]:
    story = case.story
    yield from (f"the gateway failed inside: {bug}" for bug in story.bugs)
    if story.at_rest is not None:
        yield from _at_rest(story.at_rest, story.tasks_at_start)
    for name in story.open_at_end:
        yield f"{name} is still open when the worker has ended"
    if story.registered_at_end:
        yield f"{story.registered_at_end} sockets are still watched when the worker has ended"
    if story.ended_s is None or story.stopped_s is None:
        yield "the worker did not end"
        return
    limit_s = case.plan.drain_timeout_s
    if case.plan.at_once_s is not None:
        limit_s = min(limit_s, case.plan.at_once_s)
    took_s = story.ended_s - story.stopped_s
    if took_s > limit_s + LAST_WORDS_S:
        yield f"the worker took {took_s:.2f} s to stop, and may take {limit_s:.2f}"


def _at_rest(rest: AtRest, tasks_at_start: int) -> Iterator[str]:
    if rest.links != rest.idle:
        yield f"{rest.links} links are watched, {rest.idle} of them idle"
    if rest.tasks != tasks_at_start:
        yield f"{rest.tasks} tasks, {tasks_at_start} at the start"
    for name, count in rest.in_flight.items():
        if count:
            yield f"{name} has {count} requests in flight when nobody asks"
    for name, held in rest.tokens_held.items():
        if held:
            yield f"{name} holds {held} tokens when nobody asks"
    if rest.budget != (0, 0):
        yield f"the retry budget counts {rest.budget} when nobody asks"
    if rest.waiting or rest.woken:
        yield f"{rest.waiting} wait and {rest.woken} are awake when nobody asks"
