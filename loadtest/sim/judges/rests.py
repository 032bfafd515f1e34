"""A key that rests is not asked, by the written rules; and one that is well again comes back.

Here are only the rules that hold whatever else is known: a 429 with its time, a 401, 402 or 403, a refused
connection, the operator's word. What was picked before the news may still go out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Fault, Kind, Sort, Target
from loadtest.sim.story import Attempt, Ending

AUTH_S = 300.0
SHORTLY_S = 0.9
LEARNT_S = 1.1
"""An error's body may be waited for that long until the error is understood."""
BACK_S = 30.0 + 10.0 + 3.0
"""The longest rest, the patience with a probe, and the time until the next request comes by."""
BEFORE_THE_ANSWER = frozenset(
    {Fault.NONE, Fault.REFUSED, Fault.HANGS, Fault.FAILING, Fault.SILENT, Fault.GARBAGE}
)
"""These cost no request where another is well."""
_ADMIN = re.compile(rb"/admin/deployments/(bench|drain|revive)/(\w+)(?:\?seconds=(\d+))?")


def judge(case: Case) -> Iterator[str]:
    if case.plan.sort is Sort.HEALING:
        yield from _comes_back(case)
    for name, target in case.targets.items():
        starts = sorted(_starts(case, name))
        for from_s, until_s, why, kind in _rests(case, target):
            for start_s, number in starts:
                if from_s < start_s < until_s and kind in (None, case.kinds.get(number)):
                    yield f"{name} is asked {number} at {start_s:.3f}, and rests until {until_s:.3f} ({why})"
                    break


def _starts(case: Case, name: str) -> Iterator[tuple[float, int]]:
    """When each attempt was begun by the gateway: its dial, or its sending on a connection that was there."""
    for connection in case.story.connections:
        if connection.upstream == name:
            for attempt in connection.attempts:
                kept = connection.kept(attempt)
                sent_s = attempt.asked_s - case.latency_s[name] if kept else connection.dialled_s
                if not _goes_again(case, attempt):
                    yield sent_s, attempt.number
    for dial in case.story.dials:
        if dial.upstream == name and dial.refused_s is not None and not dial.ahead:
            yield dial.at_s, 0


def _goes_again(case: Case, attempt: Attempt) -> bool:
    """On a new connection, as it went on one that was closed."""
    return any(
        id(before) in case.stale and before.upstream == attempt.upstream
        for before in case.attempts[attempt.number]
        if before.asked_s < attempt.asked_s
    )


def _rests(case: Case, target: Target) -> Iterator[tuple[float, float, str, Kind | None]]:
    """From when to when it must rest, at the least; and for what kind of request, where not for all.

    Uploads name no model to the upstream, and limits are per model.
    """
    yield from ((*hold, None) for hold in _holds(case, target.name))
    if not target.cooldown_s or target.removed or not case.plan.benches:
        return
    lifted = [at for word, at, _ in _words(case, target.name) if word == b"revive"]
    reloads = [reload.at_s for reload in case.plan.reloads]  # what was refused may have been put right
    for from_s, length_s, why, kind in _benches(case, target):
        lifts = [*lifted, *reloads] if length_s == AUTH_S else lifted
        ends = [from_s + length_s, *(at for at in lifts if at >= from_s - LEARNT_S)]
        yield from_s + _slack(case, target.name), min(ends) - 0.01, why, kind


def _slack(case: Case, name: str) -> float:
    return LEARNT_S + 4 * case.latency_s[name]


def _benches(case: Case, target: Target) -> Iterator[tuple[float, float, str, Kind | None]]:
    """When the news came, how long it binds, why, and for what kind of request."""
    latency_s = case.latency_s[target.name]
    for attempt in case.story.attempts:
        if attempt.upstream == target.name:
            found = _told(case, attempt)
            if found is not None and attempt.head_sent_s is not None:
                length_s, why = found
                limited = why == Fault.LIMITED.value
                kind = case.kinds.get(attempt.number) if limited else None
                yield attempt.head_sent_s + latency_s, length_s, why, kind
    for dial in case.story.dials:
        if dial.upstream == target.name and dial.refused_s is not None and not dial.ahead:
            yield dial.refused_s, target.cooldown_s, "refused", None


def _told(case: Case, attempt: Attempt) -> tuple[float, str] | None:
    said = attempt.said
    if said is None or not _understood(attempt):
        return None
    if said.fault in (Fault.UNAUTHORIZED, Fault.NO_MONEY) or (said.fault is Fault.HIDDEN and said.hides):
        return AUTH_S, said.fault.value
    if said.fault is Fault.LIMITED:
        found = re.search(rb"retry-after: (\d+)", said.pieces[0])
        if found:
            return min(float(found[1]), case.plan.max_retry_after_s), said.fault.value
    return None


def _understood(attempt: Attempt) -> bool:
    """The gateway had it all, soon enough, before it closed the connection."""
    gateway = attempt.connection.gateway
    if (
        attempt.over_s is None
        or attempt.head_sent_s is None
        or attempt.over_s - attempt.head_sent_s > SHORTLY_S
    ):
        return False
    return not (gateway.closed and gateway.closed_at < attempt.over_s + 0.2)


def _words(case: Case, name: str) -> list[tuple[bytes, float, float]]:
    """The operator's, with the moment of each and how long it holds."""
    said = []
    for asked, recorded in case.records.items():
        found = _ADMIN.fullmatch(asked.ask.target) if asked.ask.kind is Kind.ADMIN else None
        if found is None or recorded is None or found[2].decode() != name or recorded.record.status != 200:
            continue
        length_s = float(found[3]) if found[3] else math.inf
        said.append((found[1], recorded.at_s, length_s))
    return sorted(said, key=lambda word: word[1])


def _holds(case: Case, name: str) -> Iterator[tuple[float, float, str]]:
    words = [*_words(case, name), (b"", math.inf, 0.0)]
    for (word, at_s, length_s), (_, next_s, _) in pairwise(words):
        if word in (b"bench", b"drain"):
            yield (
                at_s + _slack(case, name),
                min(at_s + length_s, next_s) - 0.01,
                f"the operator's {word.decode()}",
            )


def _comes_back(case: Case) -> Iterator[str]:
    """Within the time promised, and then it answers."""
    for upstream in case.plan.upstreams:
        if not upstream.phases:
            continue
        well_s = upstream.phases[-1].until_s
        answered = [
            attempt
            for attempt in case.story.attempts
            if attempt.upstream == upstream.name and well_s <= attempt.asked_s <= well_s + BACK_S
        ]
        if not answered:
            yield f"{upstream.name} is well from {well_s:.1f} on, and was not asked within {BACK_S:.0f} s"
    faults = {phase.fault for upstream in case.plan.upstreams for phase in upstream.phases}
    cuts_s = [upstream.phases[0].until_s for upstream in case.plan.upstreams if upstream.phases]
    hidden = faults <= BEFORE_THE_ANSWER or case.plan.mode == "buffered"
    for asked in case.carried() if hidden else ():
        failed = asked.ending is not Ending.WHOLE or asked.status != 200
        if failed and not any(asked.sent_s <= at <= asked.over_s for at in cuts_s):
            yield f"request {asked.ask.number} failed ({asked.status}), and others of its group were well"
