"""Limits of virtual keys: never more, never a false refusal; and their money is what the records say."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Holder
from loadtest.sim.story import Deed

MINUTE_S = 60.0
LONGEST_S = 60.5
"""What counts at the most."""


def judge(case: Case) -> Iterator[str]:
    for holder in case.plan.holders:
        deeds = [deed for deed in case.story.deeds if deed.holder == holder.alias]
        yield from _limits(holder, deeds)
        yield from _money(case, holder, deeds)


def _limits(holder: Holder, deeds: list[Deed]) -> Iterator[str]:
    """Each deed by what was before it, counted anew."""
    reserved_s: list[float] = []
    running, reserved, spent = 0, 0, 0
    for deed in deeds:
        now, who = deed.at_s, f"{holder.alias} at {deed.at_s:.2f}"
        if deed.what == "settled":
            running, reserved, spent = running - 1, reserved - deed.most, spent + deed.nano
            continue
        of_late = sum(now - each < MINUTE_S for each in reserved_s)
        counted = sum(now - each <= LONGEST_S for each in reserved_s)
        over = holder.budget is not None and spent + deed.least > holder.budget
        short = holder.budget is not None and reserved > 0 and spent + reserved + deed.most > holder.budget
        spent_all = holder.budget is not None and spent >= holder.budget
        if deed.what == "reserved":
            if holder.rpm is not None and of_late >= holder.rpm:
                yield f"{who} has more than {holder.rpm} requests in a minute"
            if holder.parallel is not None and running >= holder.parallel:
                yield f"{who} has more than {holder.parallel} requests at once"
            if (over or short or spent_all) and not deed.free:
                yield f"{who} has no budget for this: {spent} spent, {reserved} reserved of {holder.budget}"
            reserved_s.append(now)
            running, reserved = running + 1, reserved + deed.most
            continue
        right = {
            "requests": holder.rpm is not None and counted >= holder.rpm,
            "parallel": holder.parallel is not None and running >= holder.parallel,
            "budget": ((over or spent_all) if deed.final else short) and not deed.free,
        }
        if not right.get(deed.what):
            yield f"{who} is refused for its {deed.what}, and is within them"


def _money(case: Case, holder: Holder, deeds: list[Deed]) -> Iterator[str]:
    """Of the records, and of the ledger when nobody asks any more."""
    records = [each.record for each in case.story.records if each.record.key_alias == holder.alias]
    costs = [record.cost.total for record in records if record.cost is not None]
    settled = sum(deed.nano for deed in deeds if deed.what == "settled")
    if settled != sum(costs):
        yield f"{holder.alias} is settled {settled}, and its records come to {sum(costs)}"
    if holder.budget is not None and sum(costs) > holder.budget + max(costs, default=0):
        yield f"{holder.alias} has spent {sum(costs)} of {holder.budget}: more than one request beyond"
    rest = case.story.at_rest
    if rest is not None and rest.standings.get(holder.alias, (sum(costs), 0, 0)) != (sum(costs), 0, 0):
        yield f"{holder.alias} stands at {rest.standings[holder.alias]}, and its records come to {sum(costs)}"
