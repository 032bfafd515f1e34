"""Which limits hold for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from proxy.access.callers import caller_of
from proxy.access.identity import Allowance, Customer, ModelBudget, Tag, Team, User, VirtualKey
from proxy.gateway.accounts.plans import Plan, Plans, PlanSettings
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.labels import Labels
from proxy.limits.subjects import EVERYBODY, Payers, member, subject, subjects_of
from proxy.limits.values import UNLIMITED

NOW = datetime(2026, 7, 15, 22, 30, tzinfo=UTC).timestamp()
ID = "ab" * 32


class Names:
    def __init__(self) -> None:
        self.seq = 0
        self.customers: dict[str, Customer] = {}
        self.tags: dict[str, Tag] = {}

    def customer(self, user_id: str, /) -> Customer | None:
        return self.customers.get(user_id)

    def tag(self, name: str, /) -> Tag | None:
        return self.tags.get(name)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def calls(a_call: Callable[..., Call]) -> Callable[..., Call]:
    def make(
        team: Team | None = None, user: User | None = None, labels: Labels | None = None, **fields: object
    ) -> Call:
        key = VirtualKey(id=ID, token=ID, key_name="sk-...abcd", **fields)  # type: ignore[arg-type]
        call = a_call(caller=caller_of(key, team, user))
        return call if labels is None else msgspec.structs.replace(call, labels=labels)

    return make


def plan_of(names: Names, call: Call, now: float = NOW, **settings: object) -> Plan | None:
    return Plans(names, PlanSettings(**settings)).of(call, now)  # type: ignore[arg-type]


def holders(plan: Plan | None) -> list[str]:
    return [] if plan is None else [rule.holder for rule in plan.rules]


def test_who_has_no_limit_has_no_plan(
    names: Names, calls: Callable[..., Call], a_call: Callable[..., Call]
) -> None:
    assert plan_of(names, a_call()) is None
    assert plan_of(names, calls()) is None
    assert plan_of(names, calls(labels=Labels("c", ("t",)))) is None


def test_all_who_pay_are_asked(names: Names, calls: Callable[..., Call]) -> None:
    names.customers["c"] = Customer(user_id="c", rpm_limit=1)
    names.tags["t"] = Tag(name="t", max_budget=1)
    call = calls(
        Team(team_id="t1", tpm_limit=5),
        User(user_id="u1", rpm_limit=7),
        Labels("c", ("t", "unknown")),
        max_parallel_requests=3,
        model_rpm_limit={"m": 2, "other": 1},
    )
    plan = plan_of(names, call, max_budget=100.0)
    assert holders(plan) == ["key", "key_model", "team", "user", "customer", "tag", "all"]
    assert plan is not None
    assert len({rule.subject for rule in plan.rules}) == 7
    assert plan.rules[1].subject == subject("key", ID, model="m")
    assert plan.rules[-1].subject == EVERYBODY
    assert plan.rules[1].rpm == 2


def test_metrics_name_whoever_pays_as_records_do(names: Names, calls: Callable[..., Call]) -> None:
    team = Team(team_id="t1", team_alias="dev", tpm_limit=5)
    user = User(user_id="u1", user_alias="Ada", rpm_limit=7)
    plan = plan_of(names, calls(team, user, rpm_limit=1))
    assert plan is not None
    assert [rule.label for rule in plan.rules] == [ID[:8], "t1", "u1"]
    plan = plan_of(names, calls(key_alias="ci", rpm_limit=1))
    assert plan is not None
    assert [rule.label for rule in plan.rules] == ["ci"]


def test_a_users_own_budget_is_not_for_its_teams_keys(names: Names, calls: Callable[..., Call]) -> None:
    user = User(user_id="u", max_budget=1.0, rpm_limit=5)
    alone, of_team = plan_of(names, calls(None, user)), plan_of(names, calls(Team(team_id="t"), user))
    assert alone is not None
    assert of_team is not None
    assert (alone.rules[0].budget, alone.rules[0].rpm) == (10**9, 5)
    assert (of_team.rules[0].budget, of_team.rules[0].rpm) == (UNLIMITED, 5)


@pytest.mark.parametrize(
    ("duration", "zone", "start", "end"),
    [
        ("1d", "UTC", "2026-07-15T00:00+00:00", "2026-07-16T00:00+00:00"),
        ("1d", "Europe/Berlin", "2026-07-16T00:00+02:00", "2026-07-17T00:00+02:00"),
        ("1mo", "Asia/Kolkata", "2026-07-01T00:00+05:30", "2026-08-01T00:00+05:30"),
        ("7d", "UTC", "2026-07-13T00:00+00:00", "2026-07-20T00:00+00:00"),
    ],
)
def test_periods_are_the_calendars(
    names: Names, calls: Callable[..., Call], duration: str, zone: str, start: str, end: str
) -> None:
    plan = plan_of(names, calls(max_budget=1.5, budget_duration=duration), zone=ZoneInfo(zone))
    assert plan is not None
    rule = plan.rules[0]
    assert rule.budget == 1_500_000_000
    assert rule.start == datetime.fromisoformat(start).timestamp()
    assert rule.end == plan.until == datetime.fromisoformat(end).timestamp()


def test_a_plan_is_made_anew_when_its_period_ends_or_somebody_changes(
    names: Names, calls: Callable[..., Call]
) -> None:
    plans = Plans(names, PlanSettings())
    call = calls(max_budget=1.0, budget_duration="1h", labels=Labels("c"))
    first = plans.of(call, NOW)
    assert plans.of(call, NOW + 60) is first
    later = plans.of(call, NOW + 3600)
    assert later is not None
    assert first is not None
    assert later.rules[0].start == first.rules[0].start + 3600
    names.customers["c"] = Customer(user_id="c", rpm_limit=1)
    names.seq += 1
    assert holders(plans.of(call, NOW + 3600)) == ["key", "customer"]


def test_a_models_budget_has_a_period_of_its_own(names: Names, calls: Callable[..., Call]) -> None:
    budgets = {"m": ModelBudget(max_budget=0.25, budget_duration="1d")}
    plan = plan_of(names, calls(model_max_budget=budgets))
    assert plan is not None
    assert [(rule.holder, rule.budget) for rule in plan.rules] == [("key_model", 250_000_000)]
    assert plan.until < NOW + 86_400
    assert plan_of(names, msgspec.structs.replace(calls(model_max_budget=budgets), model="other")) is None


def test_a_member_has_what_its_team_gives_it_of_its_own(names: Names, calls: Callable[..., Call]) -> None:
    team = Team(
        team_id="t",
        team_alias="Research",
        max_budget=10.0,
        member_limits={"ada": Allowance(max_budget=2.0)},
        each_member=Allowance(max_budget=1.0, budget_duration="1mo", rpm_limit=5),
    )
    ada = plan_of(names, calls(team, User(user_id="ada", max_budget=0.5), user_id="ada", team_id="t"))
    assert ada is not None
    assert holders(ada) == ["team", "member"], "a user's own budget is for its own keys"
    rule = ada.rules[1]
    assert (rule.budget, rule.rpm, rule.kind != 0) == (2 * 10**9, 5, True)
    assert rule.subject == subject("member", member("t", "ada"))
    assert rule.shown == "member `ada` of team `Research`"
    bob = plan_of(names, calls(team, user_id="bob", team_id="t"))
    assert bob is not None
    assert bob.rules[1].budget == 10**9
    nobodys = plan_of(names, calls(team, team_id="t"))
    assert holders(nobodys) == ["team"]


def test_a_member_is_counted_for_apart_in_each_of_its_teams() -> None:
    payers = Payers(key="k", user="ada", team="t")
    assert subject("member", member("t", "ada")) in subjects_of(payers, "m")
    assert subject("member", member("u", "ada")) not in subjects_of(payers, "m")
    assert payers.member is not None
    for alone in (Payers(user="ada"), Payers(team="t")):
        assert alone.member is None
