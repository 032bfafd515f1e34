"""Reserves what a request may take before it is sent, and settles what it took after: once, whatever happens to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

from proxy.accounting.record import Record
from proxy.gateway.accounts.estimate import Estimator
from proxy.gateway.accounts.plans import Plan, Plans
from proxy.gateway.accounts.refusals import RefusalSettings, refusal, table_full
from proxy.gateway.accounts.turns import Turns
from proxy.gateway.reading.call import Call
from proxy.gateway.trying.line import share_of
from proxy.gateway.trying.run import Run
from proxy.limits.ledger import Charge, Ledger, Reservation
from proxy.limits.values import Demand, Full, Refused, Rule, Unknown
from proxy.wire.parking import Parking

MOST_LOADS = 8
"""Trials to reserve: each finds another subject whose spend must be read, or a row that was given away meanwhile."""


class Spending(Protocol):
    """Where it is kept what everybody has spent."""

    async def load(self, rules: tuple[Rule, ...]) -> bool:
        """Into the ledger. False: it is full. Raises GatewayError 503: nobody knows now."""

    def settled(self, record: Record, charge: Charge) -> None:
        """HOT. To be kept with the record."""


class Accounts:
    """One per worker and configuration."""

    def __init__(
        self,
        ledger: Ledger,
        plans: Plans,
        estimator: Estimator,
        spending: Spending,
        clock: Callable[[], float],
        unix_clock: Callable[[], float],
        turns: Turns | None = None,
        patience_s: float = math.inf,
        settings: RefusalSettings | None = None,
    ) -> None:
        """`turns`: the worker's, in which who is refused waits; None: nobody does. `patience_s`: how long a request may
        take, all in all."""
        self._ledger = ledger
        self._plans = plans
        self._estimator = estimator
        self._spending = spending
        self._turns = turns
        self._patience_s = patience_s
        self._settings = settings or RefusalSettings()
        self._clock = clock
        self._unix_clock = unix_clock

    def plan(self, call: Call, now_unix_s: float) -> Plan | None:
        """HOT. None: nothing is limited, and nothing to be reserved."""
        return self._plans.of(call, now_unix_s)

    def reserve_at_once(self, plan: Plan, run: Run) -> Reservation | None:
        """HOT where there are limits. None: `reserve`, which may have to wait, or refuse."""
        if self._turns is not None and self._turns.queues:
            return None
        demand = self._estimator.demand(run.call, run.choice, priced=plan.priced)
        found = self._ledger.reserve(plan.rules, demand, self._clock())
        if not isinstance(found, Reservation):
            return None
        found.until = plan.until
        return found

    async def reserve(self, plan: Plan, run: Run) -> Reservation:
        """Raises GatewayError 422, 429, 503; ClientGone."""
        demand = self._estimator.demand(run.call, run.choice, priced=plan.priced)
        turns = self._turns
        line = turns.before(plan.rules) if turns is not None and turns.queues else None
        refused: Refused | None = None
        if line is None:
            found = await self._ask(plan, demand, run.exchange.parking)
            if isinstance(found, Reservation):
                return found
            refused, line = found, found.rule.subject
        if turns is not None and not (refused is not None and refused.final):
            found = await self._wait(turns, plan, run, demand, line, refused)
            if isinstance(found, Reservation):
                return found
            refused = found
        assert refused is not None
        raise refusal(refused, self._unix_clock(), self._settings)

    async def _wait(
        self, turns: Turns, plan: Plan, run: Run, demand: Demand, line: bytes, refused: Refused | None
    ) -> Reservation | Refused:
        call, parking = run.call, run.exchange.parking
        ask = partial(self._ask, plan, demand, parking)
        until = run.started + self._patience_s
        began = self._clock()
        try:
            return await turns.wait(
                line, ask, parking, until, share_of(call.caller), call.priority or 0, refused
            )
        finally:
            run.record.queued_s += self._clock() - began

    async def _ask(self, plan: Plan, demand: Demand, parking: Parking) -> Reservation | Refused:
        """Raises GatewayError 503, ClientGone."""
        for _ in range(MOST_LOADS):
            found = self._ledger.reserve(plan.rules, demand, self._clock())
            if isinstance(found, Reservation):
                found.until = plan.until
                return found
            if isinstance(found, Refused):
                return found
            if isinstance(found, Full) or not await self._load(found, parking):
                break
        raise table_full()

    async def _load(self, unknown: Unknown, parking: Parking) -> bool:
        async with parking.guard():
            return await self._spending.load(unknown.rules)
        raise AssertionError("a guard without a deadline lets nobody go on")

    def settle(self, run: Run, reservation: Reservation) -> None:
        """HOT where there are limits. Of a record whose usage, cost and duration are whole."""
        record = run.record
        usage, cost = record.usage, record.cost
        tokens = 0
        if usage is not None:
            total = usage.total_tokens
            tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0) if total is None else total
        ended = record.started_unix_s + record.duration_s
        if ended >= reservation.until:
            self._turn(run.call, ended)
        charge = self._ledger.settle(
            reservation, tokens, 0 if cost is None else cost.total, ended, self._clock()
        )
        self._spending.settled(record, charge)
        if self._turns is not None and self._turns.queues:
            self._turns.call_next()

    def _turn(self, call: Call, now_unix_s: float) -> None:
        """It ends in another period than it began in, and is paid in that one."""
        plan = self._plans.of(call, now_unix_s)
        if plan is not None:
            self._ledger.turn(plan.rules)
