"""Many callers of many workers, workers that die, and periods that end, against a model that is plainly right."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.limits.ledger import Charge, Reservation
from proxy.limits.minute import KEPT
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Full, Refused, Rule, Unknown
from tests.limits.conftest import WORKERS, Machine

PERIOD_S = 100
NAMES = ("a", "b", "c", "d")
ROWS = 3
"""Fewer than there are subjects: rows change hands."""
LIMITS = st.none() | st.integers(0, 4)
worker_numbers = st.integers(1, WORKERS)


class Running(msgspec.Struct, eq=False):
    worker: int
    reservation: Reservation
    names: tuple[str, ...]
    demand: Demand


class Spent(msgspec.Struct, eq=False):
    """A request that has ended, whose record is not written."""

    worker: int
    charge: Charge
    names: tuple[str, ...]
    nano: int
    ended: float


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(ROWS)
        self.now = 1_000.0
        self.running: list[Running] = []
        self.unwritten: list[Spent] = []
        self.records: list[Spent] = []
        """What the state file has."""
        self.requests: dict[str, list[int]] = {name: [] for name in NAMES}
        self.tokens: dict[str, list[tuple[int, int]]] = {name: [] for name in NAMES}
        """(Slot, count)"""
        self.limits: dict[str, Rule] = {}

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        for name in NAMES:
            rpm, parallel = data.draw(LIMITS), data.draw(LIMITS)
            tpm, budget = (
                data.draw(st.none() | st.integers(1, 50)),
                data.draw(st.none() | st.integers(1, 100)),
            )
            kind = data.draw(st.integers(0, 1))
            self.limits[name] = Rule(
                subject("key", name), name, rpm=rpm, tpm=tpm, parallel=parallel, budget=budget, kind=kind
            )

    def rules_of(self, names: Sequence[str]) -> list[Rule]:
        start = int(self.now // PERIOD_S) * PERIOD_S
        return [
            msgspec.structs.replace(self.limits[name], start=start if self.limits[name].kind else 0)
            for name in names
        ]

    @rule(seconds=st.sampled_from([0.1, 1.0, 20.0, 60.25, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        worker=worker_numbers,
        names=st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=2),
        tokens=st.integers(0, 60),
        least=st.integers(0, 20),
        more=st.integers(0, 40),
    )
    def asks(self, worker: int, names: list[str], tokens: int, least: int, more: int) -> None:
        ledger, demand = self.machine.hands[worker - 1], Demand(tokens, least, least + more)
        rules = self.rules_of(names)
        found = ledger.reserve(rules, demand, self.now)
        if isinstance(found, Unknown):
            for each in found.rules:
                if not ledger.load(each, self.in_file(each), self.now):
                    found = Full()
            if not isinstance(found, Full):
                found = ledger.reserve(rules, demand, self.now)
        if isinstance(found, Full | Unknown):  # two who need rows, and there are fewer
            return
        why = [self.refuses(each, demand) for each in rules]
        if isinstance(found, Refused):
            assert found.which in why[rules.index(found.rule)]
        else:
            assert not any(why), why
            self.running.append(Running(worker, found, tuple(names), demand))
            for name in names:
                if self.limits[name].per_minute:
                    self.requests[name].append(self.slot)

    @property
    def slot(self) -> int:
        return int(self.now * 4)

    def refuses(self, rule: Rule, demand: Demand) -> set[str]:
        name, why = rule.holder, set()
        mine = [each for each in self.running if name in each.names]
        if rule.rpm is not None and self.in_minute([(slot, 1) for slot in self.requests[name]]) >= rule.rpm:
            why.add("requests")
        if rule.parallel is not None and len(mine) >= rule.parallel:
            why.add("parallel")
        if rule.tpm is not None:
            used = self.in_minute(self.tokens[name]) + sum(min(each.demand.tokens, rule.tpm) for each in mine)
            if used + min(demand.tokens, rule.tpm) > rule.tpm:
                why.add("tokens")
        if rule.budget is not None:
            spent, reserved = self.spent(rule), sum(each.demand.most for each in mine)
            over = spent >= rule.budget or spent + demand.least > rule.budget
            if over or (reserved and spent + reserved + demand.most > rule.budget):
                why.add("budget")
        return why

    def in_minute(self, counts: list[tuple[int, int]]) -> int:
        return sum(count for slot, count in counts if self.slot - slot <= KEPT)

    def in_file(self, rule: Rule) -> int:
        return self.sum_of(self.records, rule)

    def spent(self, rule: Rule) -> int:
        return self.sum_of([*self.records, *self.unwritten], rule)

    def sum_of(self, ended: list[Spent], rule: Rule) -> int:
        return sum(each.nano for each in ended if rule.holder in each.names and each.ended >= rule.start)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), tokens=st.integers(0, 80), nano=st.integers(0, 60))
    def ends(self, data: st.DataObject, tokens: int, nano: int) -> None:
        run = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        ledger = self.machine.hands[run.worker - 1]
        ledger.turn(self.rules_of(run.names))
        charge = ledger.settle(run.reservation, tokens, nano, self.now, self.now)
        self.unwritten.append(Spent(run.worker, charge, run.names, nano, self.now))
        for name in run.names:
            self.tokens[name].append((self.slot, tokens))

    @rule(worker=worker_numbers, fails=st.booleans())
    def records_are_written(self, worker: int, *, fails: bool) -> None:
        mine = [each for each in self.unwritten if each.worker == worker]
        ledger = self.machine.hands[worker - 1]
        ledger.written([each.charge for each in mine])
        if fails:
            ledger.written([each.charge for each in mine], undone=True)
        else:
            self.records += mine
            self.unwritten = [each for each in self.unwritten if each.worker != worker]

    @rule(worker=worker_numbers, committed=st.booleans())
    def a_worker_dies(self, worker: int, *, committed: bool) -> None:
        """Perhaps in the moment between the file's commit and anything else."""
        if committed:
            self.records_are_written(worker, fails=False)
        self.machine.hands[worker % WORKERS].give_back(worker)
        self.running = [each for each in self.running if each.worker != worker]
        self.unwritten = [each for each in self.unwritten if each.worker != worker]
        reborn = self.machine.hands[worker - 1] = self.machine.another(worker)
        for digest, kind, start in reborn.orphans(worker):
            (name,) = (name for name in NAMES if subject("key", name) == digest)
            rule = msgspec.structs.replace(self.limits[name], kind=kind, start=start)
            reborn.adopt(digest, start, self.in_file(rule), worker)

    @invariant()
    def the_ledger_says_what_is(self) -> None:
        for name in self.limits:
            (rule,) = self.rules_of([name])
            standing = self.machine.hands[0].standing(rule, self.now)
            mine = [each for each in self.running if name in each.names]
            if standing is None:
                assert not mine
                continue
            assert standing.running == len(mine)
            assert standing.running_tokens == sum(
                each.demand.tokens if rule.tpm is None else min(each.demand.tokens, rule.tpm) for each in mine
            )
            assert standing.reserved == sum(each.demand.most for each in mine)
            if rule.budget is not None:
                assert standing.spent == self.spent(rule)
            if rule.per_minute:
                assert standing.requests == self.in_minute([(slot, 1) for slot in self.requests[name]])
            if rule.tpm is not None:
                assert standing.tokens == self.in_minute(self.tokens[name])


Model.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLedger = Model.TestCase
