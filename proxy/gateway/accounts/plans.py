"""Which limits hold for a request: those of its key, team, user, customer and tags, and of each for the model."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, tzinfo
from math import inf
from typing import Protocol

import msgspec

from proxy.access.identity import KEY_DIGITS, Allowance, Caller, Customer, ModelBudget, Tag, Team
from proxy.access.periods import period_of, window
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.labels import NONE, Labels
from proxy.limits.layout import MOST_RULES
from proxy.limits.subjects import EVERYBODY, Kind, member, subject
from proxy.limits.values import NO_PERIOD, UNLIMITED, Rule

MAX_REMEMBERED = 10_000
"""Plans: callers with the models, customers and tags that they name, about 10 MiB. Emptied when full."""
_NANO = 10**9


class Names(Protocol):
    """Whom requests name. `access.directory.Directory` is one."""

    seq: int
    """Rises when anything about them changes."""

    def customer(self, user_id: str, /) -> Customer | None: ...
    def tag(self, name: str, /) -> Tag | None: ...


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Of one caller's requests that are alike."""

    rules: tuple[Rule, ...]
    """The key's own first, where it has one."""
    caller: Caller
    """Kept, so that none that comes after it is taken for it."""
    until: float
    """Unix seconds: then a budget's period ends."""
    priced: bool
    """A budget is among them."""


class PlanSettings(msgspec.Struct, frozen=True):
    zone: tzinfo = UTC
    max_budget: float | None = None
    """US dollars, of all together."""
    budget_duration: str | None = None


class Plans:
    """One worker's, of one configuration."""

    def __init__(self, names: Names, settings: PlanSettings) -> None:
        self._names = names
        self._settings = settings
        self._everybody = settings.max_budget is not None
        self._plans: dict[tuple[int, str | None, Labels], Plan] = {}
        self._seq = -1

    def of(self, call: Call, now_unix_s: float) -> Plan | None:
        """HOT. None: no limit holds for it."""
        caller, labels = call.caller, call.labels
        if caller.key is None and labels is NONE and not self._everybody:
            return None
        if self._names.seq != self._seq:
            self._plans.clear()
            self._seq = self._names.seq
        place = (id(caller), call.model, labels)
        plan = self._plans.get(place)
        if plan is None or plan.until <= now_unix_s:
            plan = self._plans[place] = self._make(call, now_unix_s)
        return plan if plan.rules else None

    def rules(self) -> Iterator[Rule]:
        """Of all who have asked of late, each once."""
        yield from {rule.subject: rule for plan in self._plans.values() for rule in plan.rules}.values()

    def _make(self, call: Call, now: float) -> Plan:
        if len(self._plans) >= MAX_REMEMBERED:
            self._plans.clear()
        rules = tuple(self._rules(call, now))[:MOST_RULES]
        until = min((rule.end for rule in rules), default=inf)
        return Plan(rules, call.caller, until, any(rule.budget is not None for rule in rules))

    def _rules(self, call: Call, now: float) -> Iterator[Rule]:
        """A user's own budget is for keys of its own: those of a team spend the team's, as with LiteLLM."""
        caller, labels, names = call.caller, call.labels, self._names
        key, team, user = caller.key, caller.team, caller.user
        if key is not None:
            label = key.key_alias or key.id[:KEY_DIGITS]
            yield from self._of("key", key.id, key.key_alias or key.key_name, key, call.model, now, label)
        if team is not None:
            yield from self._of("team", team.team_id, team.team_alias or team.team_id, team, call.model, now)
            if (
                key is not None
                and key.user_id is not None
                and (has := team.limits_of(key.user_id)) is not None
            ):
                yield self._of_member(team, key.user_id, has, now)
        if user is not None:
            own = user if team is None else msgspec.structs.replace(user, max_budget=None, soft_budget=None)
            yield from self._of("user", user.user_id, user.user_alias or user.user_id, own, call.model, now)
        if labels.customer is not None and (customer := names.customer(labels.customer)) is not None:
            yield from self._of("customer", customer.user_id, customer.user_id, customer, call.model, now)
        for each in labels.tags:
            if (tag := names.tag(each)) is not None:
                yield from self._of("tag", tag.name, tag.name, tag, None, now)
        if self._everybody:
            settings = self._settings
            all_of_them = Allowance(max_budget=settings.max_budget, budget_duration=settings.budget_duration)
            yield self._rule(EVERYBODY, "all", "this gateway", all_of_them, now)

    def _of_member(self, team: Team, user_id: str, has: Allowance, now: float) -> Rule:
        shown = f"member `{user_id}` of team `{team.team_alias or team.team_id}`"
        return self._rule(
            subject("member", member(team.team_id, user_id)), "member", shown, has, now, user_id
        )

    def _of(
        self, kind: Kind, id_: str, name: str, has: Allowance, model: str | None, now: float, label: str = ""
    ) -> Iterator[Rule]:
        shown = f"{kind} `{name}`"
        of_model = None if model is None else _of_model(has, model)
        if _is_limited(has):
            yield self._rule(subject(kind, id_), kind, shown, has, now, label or id_)
        if of_model is not None:
            shown = f"model `{model}` of {shown}"
            yield self._rule(subject(kind, id_, model=model), f"{kind}_model", shown, of_model, now)

    def _rule(
        self, whose: bytes, holder: str, shown: str, has: Allowance, now: float, label: str = ""
    ) -> Rule:
        """What is spent is counted of all who have any limit, so that they can be told."""
        start, end, kind = self._period(has.budget_duration, now)
        budget, soft = _nano(has.max_budget), _nano(has.soft_budget)
        return Rule(
            subject=whose,
            holder=holder,
            shown=shown,
            label=label,
            rpm=has.rpm_limit,
            tpm=has.tpm_limit,
            parallel=has.max_parallel_requests,
            budget=UNLIMITED if budget is None else budget,
            soft=soft,
            kind=kind,
            start=start,
            end=end,
        )

    def _period(self, duration: str | None, now: float) -> tuple[int, float, int]:
        if duration is None:
            return 0, inf, NO_PERIOD
        zone = self._settings.zone
        start, end = window(period_of(duration), now, zone)
        return int(start), end, zlib.crc32(f"{duration} {zone}".encode())


def _is_limited(has: Allowance) -> bool:
    limits = (has.max_budget, has.soft_budget, has.rpm_limit, has.tpm_limit, has.max_parallel_requests)
    return any(limit is not None for limit in limits)


def _of_model(has: Allowance, model: str) -> Allowance | None:
    budget: ModelBudget | None = has.model_max_budget.get(model)
    rpm, tpm = has.model_rpm_limit.get(model), has.model_tpm_limit.get(model)
    if budget is None and rpm is None and tpm is None:
        return None
    return Allowance(
        max_budget=None if budget is None else budget.max_budget,
        budget_duration=None if budget is None else budget.budget_duration,
        rpm_limit=rpm,
        tpm_limit=tpm,
    )


def _nano(dollars: float | None) -> int | None:
    return None if dollars is None else min(round(dollars * _NANO), UNLIMITED)
