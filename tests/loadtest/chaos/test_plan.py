from __future__ import annotations

from itertools import pairwise

import pytest

from loadtest.chaos.plan import ACT_S, DEAD, KINDS, MARGIN_S, REST_S, SHORTEST_SCALE, Plan, Spell, make_plan

NAMES = ["u0", "u1", "u2", "u3", "u4"]
SECONDS = 600.0
SEEDS = range(20)


def troubled_at(plan: Plan, at: float) -> int:
    return sum(plan.now(name, at) is not None for name in plan.spells)


def test_every_process_makes_the_same_plan() -> None:
    assert make_plan(1, SECONDS, NAMES) == make_plan(1, SECONDS, NAMES)
    assert make_plan(1, SECONDS, NAMES) != make_plan(2, SECONDS, NAMES)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_are_well_or_none_is(seed: int) -> None:
    plan = make_plan(seed, SECONDS, NAMES)
    counts = {troubled_at(plan, tenth / 10) for tenth in range(int(SECONDS * 10))}
    assert counts <= {0, 1, 2, 3, 5}
    assert 3 in counts


def test_outages_and_all_kinds_of_trouble_come_about() -> None:
    plans = [make_plan(seed, SECONDS, NAMES) for seed in SEEDS]
    assert any(troubled_at(plan, tenth / 10) == 5 for plan in plans for tenth in range(int(SECONDS * 10)))
    assert {spell.kind for plan in plans for spells in plan.spells.values() for spell in spells} == set(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_spells_of_an_upstream_follow_each_other(seed: int) -> None:
    for spells in make_plan(seed, SECONDS, NAMES).spells.values():
        assert all(spell.begins < spell.ends for spell in spells)
        assert all(one.ends <= next_.begins for one, next_ in pairwise(spells))


@pytest.mark.parametrize(
    ("seconds", "scale"), [(SECONDS, 1.0), (2 * ACT_S, 1.0), (ACT_S, 0.5), (1.0, SHORTEST_SCALE)]
)
def test_a_short_run_has_shorter_spells(seconds: float, scale: float) -> None:
    lengths = [
        spell.ends - spell.begins
        for seed in SEEDS
        for spells in make_plan(seed, seconds, NAMES).spells.values()
        for spell in spells
    ]
    assert 6.0 * scale < max(lengths) <= 8.0 * scale


PLAN = Plan({"bad": [Spell(100, 110, DEAD), Spell(120, 130, "500")], "good": [Spell(200, 210, "429")]})


@pytest.mark.parametrize(
    ("at", "kind"), [(99.9, None), (100, DEAD), (109.9, DEAD), (110, None), (120, "500")]
)
def test_which_trouble_it_is_in_now(at: float, kind: str | None) -> None:
    spell = PLAN.now("bad", at)
    assert (spell and spell.kind) == kind


@pytest.mark.parametrize(
    ("begins", "ends", "troubled"),
    [
        (90, 100 - MARGIN_S, False),
        (90, 100 - MARGIN_S + 0.1, True),
        (104, 105, True),
        (130 + MARGIN_S, 140, False),
        (130 + MARGIN_S - 0.1, 140, True),
        (0, 300, True),
    ],
)
def test_near_a_spell_it_may_be_in_trouble(begins: float, ends: float, troubled: bool) -> None:
    assert PLAN.troubled("bad", begins, ends) is troubled


@pytest.mark.parametrize(
    ("begins", "must"),
    [
        (0, True),
        (105, True),
        (125, True),
        (130 + MARGIN_S + REST_S, True),
        (205, True),
        (210 + MARGIN_S + REST_S, True),
    ],
)
def test_a_request_must_succeed_while_one_is_well(begins: float, must: bool) -> None:
    assert PLAN.must_succeed(begins, begins + 1) is must


@pytest.mark.parametrize(("after_s", "must"), [(-1, False), (REST_S - 0.1, False), (REST_S + 0.1, True)])
def test_who_has_just_returned_may_still_rest(after_s: float, must: bool) -> None:
    plan = Plan({"bad": [Spell(0, 1000, DEAD)], "good": [Spell(500, 510, DEAD)]})
    begins = 510 + MARGIN_S + after_s
    assert plan.must_succeed(begins, begins + 1) is must


def test_nobody_rests_at_the_beginning() -> None:
    plan = Plan({"bad": [Spell(0, 1000, DEAD)], "good": [Spell(20, 30, DEAD)]})
    assert plan.must_succeed(5, 6)
    assert not plan.must_succeed(5, 20)
