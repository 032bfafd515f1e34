"""Tokens are counted once, as the upstream said them, and never made up."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Kind
from loadtest.sim.story import Attempt
from proxy.types import Outcome, Usage


def judge(case: Case) -> Iterator[str]:
    counted = owed = 0
    for asked, recorded in case.records.items():
        if recorded is None or asked.ask.kind is not Kind.CHAT:
            continue
        record = recorded.record
        attempts = case.attempts[asked.ask.number]
        said = {attempt.said.usage for attempt in attempts if attempt.said is not None}
        usage = None if record.estimated else record.usage  # a guess was never said
        usage = usage and Usage(usage.input_tokens, usage.output_tokens, usage.total_tokens)
        if usage is not None and usage not in said:
            yield f"request {asked.ask.number} is billed {usage}, which nobody said"
        last = attempts[-1].said if attempts else None
        read_on = record.outcome is Outcome.CLIENT_GONE and bool(attempts) and _was_read(case, attempts[-1])
        if read_on and last is not None and last.whole and last.status == 200 and usage != last.usage:
            yield f"request {asked.ask.number} was read to its end for nobody, and is billed {usage}"
        if record.outcome is Outcome.OK and last is not None and last.whole:
            if usage != last.usage:
                yield f"request {asked.ask.number} is billed {usage}, and its upstream said {last.usage}"
            counted += _total(usage)
            owed += _total(last.usage)
    if counted != owed:
        yield f"{counted} tokens are counted, and {owed} were said"


def _was_read(case: Case, attempt: Attempt) -> bool:
    """By a deployment that drains: all that was said had come when its connection was closed."""
    if not case.targets[attempt.upstream].drains or attempt.over_s is None:
        return False
    gateway = attempt.connection.gateway
    return not gateway.closed or gateway.closed_at > attempt.over_s + case.latency_s[attempt.upstream] + 0.01


def _total(usage: Usage | None) -> int:
    return 0 if usage is None else usage.total_tokens or 0
