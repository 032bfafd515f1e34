"""What may never happen, whatever the seed. Each judge looks at a run's story and says what was wrong with it.

records  one request, one outcome, one record;     relays   what clients get is one upstream's, byte for byte
slots    no key above its cap;                     ends     nothing outlives its request, nor the worker
leaving  who leaves is not asked on for;           rests    who rests is not asked, who is well again comes back
shares   weights hold;                             money    tokens are counted once, as the upstreams said
limits   rpm, and the time a request may take;          silences streams are kept alive
keys     limits and money of virtual keys;         languages clients hear their own, every word
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loadtest.sim.judges import (
    ends,
    keys,
    languages,
    leaving,
    limits,
    money,
    records,
    relays,
    rests,
    shares,
    silences,
    slots,
)
from loadtest.sim.judges.case import Case
from loadtest.sim.plan import Plan
from loadtest.sim.story import Chronicle

Judge = Callable[[Case], Iterator[str]]
JUDGES: dict[str, Judge] = {
    "records": records.judge,
    "relays": relays.judge,
    "slots": slots.judge,
    "ends": ends.judge,
    "leaving": leaving.judge,
    "rests": rests.judge,
    "shares": shares.judge,
    "money": money.judge,
    "limits": limits.judge,
    "silences": silences.judge,
    "keys": keys.judge,
    "languages": languages.judge,
}


def verdict(plan: Plan, story: Chronicle) -> list[str]:
    """What was wrong, each with its judge's name; empty: nothing."""
    case = Case(plan, story)
    return [f"{name}: {wrong}" for name, judge in JUDGES.items() for wrong in judge(case)]
