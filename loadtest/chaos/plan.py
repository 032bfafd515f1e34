"""When which upstream is in what trouble: a function of the seed, the same in every process. Pure.

Acts follow each other. In each, two upstreams are well all along, one of which was so in the act before; the others
have spells of trouble. Some acts hold an outage: all are in trouble at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from loadtest.chaos.said import FAULTS

ACT_S = 40.0
OUTAGES = 0.25
"""Share of the acts that hold one."""
OUTAGE_S = (2.0, 5.0)
SPELL_S = (1.0, 8.0)
PAUSE_S = (0.5, 8.0)
"""Between two spells of one upstream."""
SHARES = (0.3, 1.0, 1.0)
"""How many of the requests within a spell meet its fault."""
DEAD = "dead"
"""Its process is killed, and is started again when the spell is over."""
KINDS = (DEAD, DEAD, DEAD, *FAULTS)
REST_S = 33.0
"""The longest rest of a key that failed (30 s), and the request that tries it again."""
MARGIN_S = 3.0
"""How much later than planned a spell may begin or end: processes take time to start."""


@dataclass(frozen=True)
class Spell:
    """Seconds since the beginning."""

    begins: float
    ends: float
    kind: str
    share: float = 1.0

    def touches(self, begins: float, ends: float) -> bool:
        return self.begins < ends and begins < self.ends


@dataclass(frozen=True)
class Plan:
    spells: Mapping[str, Sequence[Spell]]
    """By upstream, in order."""

    def now(self, upstream: str, at: float) -> Spell | None:
        return next((spell for spell in self.spells[upstream] if spell.begins <= at < spell.ends), None)

    def troubled(self, upstream: str, begins: float, ends: float) -> bool:
        """Maybe: some spell is near."""
        return any(spell.touches(begins - MARGIN_S, ends + MARGIN_S) for spell in self.spells[upstream])

    def must_succeed(self, begins: float, ends: float) -> bool:
        """Some upstream is well, and has been for so long that the gateway knows."""
        return not all(self.troubled(each, max(0.0, begins - REST_S), ends) for each in self.spells)

    def deaths(self) -> int:
        return sum(spell.kind == DEAD for spells in self.spells.values() for spell in spells)


def make_plan(seed: int, seconds: float, upstreams: Sequence[str]) -> Plan:
    random = Random(seed)
    spells: dict[str, list[Spell]] = {each: [] for each in upstreams}
    guard = random.choice(upstreams)
    begins = 0.0
    while begins < seconds:
        ends = min(seconds, begins + ACT_S)
        relief = random.choice([each for each in upstreams if each != guard])
        for each in upstreams:
            if each not in (guard, relief):
                spells[each] += _spells(random, begins, ends)
        if random.random() < OUTAGES and ends - begins == ACT_S:
            _add_outage(random, spells, begins)
        guard, begins = relief, ends
    return Plan(spells)


def _spells(random: Random, begins: float, ends: float) -> list[Spell]:
    found = []
    at = begins + random.uniform(*PAUSE_S)
    while at < ends:
        until = min(ends, at + random.uniform(*SPELL_S))
        found.append(Spell(at, until, random.choice(KINDS), random.choice(SHARES)))
        at = until + random.uniform(*PAUSE_S)
    return found


def _add_outage(random: Random, spells: dict[str, list[Spell]], act_begins: float) -> None:
    """Whatever else was planned for its time gives way."""
    length_s = random.uniform(*OUTAGE_S)
    begins = act_begins + random.uniform(0.0, ACT_S - length_s)
    for upstream, found in spells.items():
        outage = Spell(begins, begins + length_s, random.choice(KINDS))
        kept = [spell for spell in found if not spell.touches(outage.begins, outage.ends)]
        spells[upstream] = sorted((*kept, outage), key=lambda spell: spell.begins)
