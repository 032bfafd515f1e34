"""Every request has exactly one outcome and one record, and the record says what its client saw."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.languages import had_last
from loadtest.sim.plan import CARRIED, Kind, Leaves, Manner
from loadtest.sim.story import Asked, Attempt, Ending, Recorded
from proxy.gateway.telling.refusals import STOPPING
from proxy.types import Outcome

_ENDINGS: dict[Outcome, frozenset[Ending]] = {
    Outcome.OK: frozenset({Ending.WHOLE, Ending.LEFT}),
    Outcome.CLIENT_ERROR: frozenset({Ending.WHOLE, Ending.LEFT, Ending.CUT}),
    Outcome.UPSTREAM_ERROR: frozenset({Ending.WHOLE, Ending.LEFT, Ending.CUT}),
    Outcome.GATEWAY_ERROR: frozenset({Ending.WHOLE, Ending.LEFT, Ending.CUT}),
    Outcome.TRUNCATED: frozenset({Ending.CUT, Ending.LEFT}),
    Outcome.CLIENT_GONE: frozenset({Ending.LEFT, Ending.CUT, Ending.NONE}),
}
"""What the client may have seen of each outcome."""
_ERRORS = (Outcome.CLIENT_ERROR, Outcome.UPSTREAM_ERROR, Outcome.GATEWAY_ERROR)


def judge(case: Case) -> Iterator[str]:
    for asked, recorded in case.records.items():
        read = 0 < asked.head_ends <= asked.gateway.taken_bytes and asked.ask.kind is not Kind.NONSENSE
        number = asked.ask.number
        if read and recorded is None:
            yield f"request {number} has no record"
        elif not read and recorded is not None:
            yield f"request {number} was not read and has a record"
        if not read and (asked.status or case.attempts[number]) and asked.ask.kind is not Kind.NONSENSE:
            yield f"request {number} was not read whole and is answered, or passed on"
        if recorded is not None:
            yield from _of_one(case, asked, recorded)
    known = sum(recorded is not None for recorded in case.records.values())
    if known != len(case.story.records):
        yield f"{len(case.story.records)} records of {known} requests"


def _of_one(case: Case, asked: Asked, recorded: Recorded) -> Iterator[str]:
    record, ask = recorded.record, asked.ask
    what = (
        f"request {ask.number} ({asked.ending.value}, {asked.status}) is recorded as {record.outcome.value}"
    )
    if asked.ending not in _ENDINGS[record.outcome] and not _hung_up_on(asked, recorded):
        yield what
    if asked.status and record.status != asked.status:
        yield f"{what} with {record.status}"
    told = asked.headers.get(b"x-litellm-call-id")
    if told is not None and told.decode() != record.call_id:
        yield f"{what}, as the call {record.call_id} and not {told.decode()}"
    good = asked.status < 400 and not hides(case.attempts[ask.number])
    if asked.ending is Ending.WHOLE and good != (record.outcome is Outcome.OK):
        yield what
    if had_all(asked) and record.outcome is Outcome.CLIENT_GONE:
        yield f"{what}, and had the last event"
    if asked.status >= 400 and record.outcome not in (*_ERRORS, Outcome.CLIENT_GONE, Outcome.TRUNCATED):
        yield what
    if record.outcome is Outcome.CLIENT_GONE and not _may_be_gone(case, asked, record.duration_s):
        yield f"{what}, and did not leave"
    seen = [attempt for attempt in case.attempts[ask.number] if id(attempt) not in case.stale]
    if ask.kind in CARRIED and record.attempts < len(seen):
        yield f"{what} with {record.attempts} attempts of {len(seen)}"


def hides(attempts: list[Attempt]) -> bool:
    """The answer that came held an error behind its good status."""
    said = attempts[-1].said if attempts else None
    return said is not None and bool(said.hides)


def had_all(asked: Asked) -> bool:
    """It left with a stream's last event."""
    return asked.ask.leaves is Leaves.DONE and asked.ending is Ending.LEFT and had_last(bytes(asked.payload))


def _hung_up_on(asked: Asked, recorded: Recorded) -> bool:
    """A worker that stops cannot wait for the rest of a request, so its last words may be lost."""
    return asked.ending is Ending.NONE and not asked.body_sent and recorded.record.error == STOPPING


def _may_be_gone(case: Case, asked: Asked, duration_s: float) -> bool:
    """It left; or read so slowly, or so little, that it counts as gone; or had not taken all at the end of its time."""
    if duration_s >= case.plan.total_timeout_s:
        return True
    return asked.left_s is not None or asked.client in case.slow or asked.ask.manner is Manner.STALL
