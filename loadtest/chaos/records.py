"""The gateway's log, held to what the clients saw: one record for each request, and of the same outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from loadtest.chaos.judge import OUTCOMES, Kind

ROUTE = "/chat/completions"
RECORD_START = '{"ts"'
"""What else is printed begins otherwise."""


class _Record(msgspec.Struct):
    event: str
    call_id: str = ""
    route: str = ""
    outcome: str = ""


def wrong_records(lines: Iterable[str], asked: int, kind_of_call: Mapping[str, Kind]) -> list[str]:
    """A line for each that is missing, double, or says otherwise than its client saw."""
    outcomes, counts, found = {}, Counter[str](), []
    for line in lines:
        if not line.startswith(RECORD_START):
            continue
        record = msgspec.json.decode(line, type=_Record)
        if record.event != "request":
            found.append(f"the log says {line.strip()}")
        elif record.route == ROUTE:
            counts[record.call_id] += 1
            outcomes[record.call_id] = record.outcome
    if counts.total() != asked:
        found.append(f"{counts.total()} records of {asked} requests")
    found += [f"{number} records of {call_id}" for call_id, number in counts.items() if number > 1]
    for call_id, kind in kind_of_call.items():
        outcome = outcomes.get(call_id, "not there")
        if outcome not in OUTCOMES[kind]:
            found.append(f"record {call_id} is {outcome}; its client saw: {kind.value}")
    return found
