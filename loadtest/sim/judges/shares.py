"""When all are well, requests are shared out by weight: within 1 %."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Sort

TOLERANCE = 0.01
"""Of all requests."""


def judge(case: Case) -> Iterator[str]:
    if case.plan.sort is not Sort.CALM:
        return
    counts = Counter(attempt.upstream for attempt in case.story.attempts)
    total, weights = counts.total(), sum(target.weight for target in case.plan.targets)
    # A period that is not over, once more for each reload, which begins another.
    allowed = TOLERANCE * total + 1 + 2 * len(case.plan.reloads)
    for target in case.plan.targets:
        due = total * target.weight / weights
        if abs(counts[target.name] - due) > allowed:
            yield f"{target.name} got {counts[target.name]} of {total} requests, and {due:.1f} are its share"
