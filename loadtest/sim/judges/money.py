"""Tokens are counted once, as the upstream said them, and never made up."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Kind
from proxy.types import Outcome, Usage


def judge(case: Case) -> Iterator[str]:
    counted = owed = 0
    for asked, recorded in case.records.items():
        if recorded is None or asked.ask.kind is not Kind.CHAT:
            continue
        record = recorded.record
        attempts = case.attempts[asked.ask.number]
        said = {attempt.said.usage for attempt in attempts if attempt.said is not None}
        usage = record.usage and Usage(
            record.usage.input_tokens, record.usage.output_tokens, record.usage.total_tokens
        )
        if usage is not None and usage not in said:
            yield f"request {asked.ask.number} is billed {usage}, which nobody said"
        last = attempts[-1].said if attempts else None
        if record.outcome is Outcome.OK and last is not None and last.whole:
            if usage != last.usage:
                yield f"request {asked.ask.number} is billed {usage}, and its upstream said {last.usage}"
            counted += _total(usage)
            owed += _total(last.usage)
    if counted != owed:
        yield f"{counted} tokens are counted, and {owed} were said"


def _total(usage: Usage | None) -> int:
    return 0 if usage is None else usage.total_tokens or 0
