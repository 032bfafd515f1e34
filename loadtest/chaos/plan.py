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
SHORTEST_SCALE = 0.1
"""A run too short for two acts has shorter ones, and shorter spells."""
OUTAGES = 0.4
"""Share of the acts that hold one."""
OUTAGE_S = (2.0, 5.0)
SPELL_S = (1.0, 8.0)
PAUSE_S = (0.5, 8.0)
"""Between two spells of one upstream."""
SHARES = (0.1, 0.3, 1.0)
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


def make_plan(seed: int, seconds: float, upstreams: Sequence[str]) -> Plan:
    return _Planner(Random(seed), seconds, upstreams).plan()


class _Planner:
    def __init__(self, random: Random, seconds: float, upstreams: Sequence[str]) -> None:
        self._random = random
        self._seconds = seconds
        self._scale = min(1.0, max(SHORTEST_SCALE, seconds / (2 * ACT_S)))
        self._spells: dict[str, list[Spell]] = {each: [] for each in upstreams}

    def plan(self) -> Plan:
        guard = self._random.choice(list(self._spells))
        begins, act_s = 0.0, ACT_S * self._scale
        while begins < self._seconds:
            relief = self._random.choice([each for each in self._spells if each != guard])
            for each, spells in self._spells.items():
                if each not in (guard, relief):
                    self._trouble(spells, begins, begins + act_s)
            if self._random.random() < OUTAGES:
                self._outage(begins, begins + act_s)
            guard, begins = relief, begins + act_s
        return Plan(self._spells)

    def _span_s(self, between: tuple[float, float]) -> float:
        return self._random.uniform(*between) * self._scale

    def _trouble(self, spells: list[Spell], begins: float, ends: float) -> None:
        at = begins + self._span_s(PAUSE_S)
        while at < ends:
            until = min(ends, at + self._span_s(SPELL_S))
            spells.append(Spell(at, until, self._random.choice(KINDS), self._random.choice(SHARES)))
            at = until + self._span_s(PAUSE_S)

    def _outage(self, act_begins: float, act_ends: float) -> None:
        """Whatever else was planned for its time gives way."""
        length_s = self._span_s(OUTAGE_S)
        begins = self._random.uniform(act_begins, act_ends - length_s)
        for upstream, found in self._spells.items():
            outage = Spell(begins, begins + length_s, self._random.choice(KINDS))
            kept = [spell for spell in found if not spell.touches(outage.begins, outage.ends)]
            self._spells[upstream] = sorted((*kept, outage), key=lambda spell: spell.begins)
