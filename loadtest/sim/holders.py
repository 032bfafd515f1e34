"""Virtual keys with limits in the simulation, and what the gateway's ledger did for them: noted, to be judged."""

from __future__ import annotations

import random
from collections.abc import Sequence

from loadtest.sim.plan import Holder
from loadtest.sim.story import Deed
from proxy.limits.ledger import Charge, Ledger, Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Full, Refused, Rule, Unknown

NANO = 10**9


def holders_of(seed: int) -> tuple[Holder, ...]:
    """One of each limit."""
    chance = random.Random(f"{seed} holders")
    return (
        Holder("sk-simulated-rpm", "rpm", rpm=chance.choice((2, 4, 8))),
        Holder("sk-simulated-parallel", "parallel", parallel=chance.choice((1, 1, 2))),
        Holder("sk-simulated-budget", "budget", budget=chance.choice((100_000, 1_000_000, 5_000_000))),
    )


def written(holders: Sequence[Holder]) -> list[object]:
    """As an operator writes them."""
    keys: list[object] = []
    for holder in holders:
        dollars = None if holder.budget is None else holder.budget / NANO
        limits = {"rpm_limit": holder.rpm, "max_parallel_requests": holder.parallel, "max_budget": dollars}
        known = {name: limit for name, limit in limits.items() if limit is not None}
        keys.append({"key": holder.key, "key_alias": holder.alias, **known})
    return keys


class NotedLedger(Ledger):
    """A ledger whose deeds are kept."""

    deeds: list[Deed]

    def reserve(
        self, rules: Sequence[Rule], demand: Demand, now: float
    ) -> Reservation | Refused | Unknown | Full:
        found = super().reserve(rules, demand, now)
        for rule in rules:
            if isinstance(found, Reservation):
                self._note(now, rule, "reserved", demand)
            elif isinstance(found, Refused) and found.rule is rule:
                self._note(now, rule, found.which, demand, final=found.final)
        return found

    def settle(
        self, reservation: Reservation, tokens: int, nano: int, ended_unix_s: float, now: float
    ) -> Charge:
        for rule, _ in reservation.rows:
            self._note(now, rule, "settled", reservation.demand, nano=nano)
        return super().settle(reservation, tokens, nano, ended_unix_s, now)

    def _note(
        self, at_s: float, rule: Rule, what: str, demand: Demand, *, nano: int = 0, final: bool = False
    ) -> None:
        alias = rule.shown.split("`")[1]
        self.deeds.append(Deed(at_s, alias, what, demand.least, demand.most, nano, final, demand.free))


def standing(ledger: Ledger, key_id: str, now: float) -> tuple[int, int, int]:
    """Spent, reserved and running."""
    found = ledger.standing(Rule(subject("key", key_id)), now)
    return (0, 0, 0) if found is None else (found.spent, found.reserved, found.running)
