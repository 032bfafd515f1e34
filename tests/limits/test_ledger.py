"""What is reserved, refused, settled and given back, by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from proxy.limits.ledger import Ledger, Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Full, Refused, Rule, Unknown
from tests.limits.conftest import Machine

KEY = subject("key", "a")
TEAM = subject("team", "t")
NOW = 1_000.0
UNIX = 1_700_000_000.0
NOTHING = Demand()


def taken(ledger: Ledger, rules: Sequence[Rule], demand: Demand = NOTHING, now: float = NOW) -> Reservation:
    found = ledger.reserve(rules, demand, now)
    assert isinstance(found, Reservation), found
    return found


def refused(ledger: Ledger, rules: Sequence[Rule], demand: Demand = NOTHING, now: float = NOW) -> Refused:
    found = ledger.reserve(rules, demand, now)
    assert isinstance(found, Refused), found
    return found


def test_a_minute_takes_as_many_requests_as_it_may_and_says_when_the_next_is_due(ledger: Ledger) -> None:
    rules = [Rule(KEY, "key", rpm=3)]
    for each in range(3):
        taken(ledger, rules, now=NOW + each)
    found = refused(ledger, rules, now=NOW + 3)
    assert (found.which, found.limit, found.used) == ("requests", 3, 3)
    assert found.wait_s is not None
    assert 57.25 <= found.wait_s <= 57.5
    refused(ledger, rules, now=NOW + 3 + found.wait_s - 0.001)
    taken(ledger, rules, now=NOW + 3 + found.wait_s)
    refused(ledger, rules, now=NOW + 3 + found.wait_s)


def test_tokens_count_as_expected_while_they_run_and_as_used_for_a_minute_after(ledger: Ledger) -> None:
    rules = [Rule(KEY, "key", tpm=1_000)]
    first = taken(ledger, rules, Demand(tokens=700))
    found = refused(ledger, rules, Demand(tokens=400))
    assert (found.which, found.used, found.wait_s) == ("tokens", 700, None)
    ledger.settle(first, 100, 0, UNIX, NOW + 30)
    taken(ledger, rules, Demand(tokens=900), NOW + 30)
    assert refused(ledger, rules, Demand(tokens=1), NOW + 90).used == 1_000
    standing = ledger.standing(rules[0], NOW + 30)
    assert standing is not None
    assert (standing.tokens, standing.running_tokens) == (100, 900)


def test_one_that_expects_more_than_a_minutes_tokens_goes_alone(ledger: Ledger) -> None:
    rules = [Rule(KEY, "key", tpm=1_000)]
    huge = taken(ledger, rules, Demand(tokens=50_000))
    refused(ledger, rules, Demand(tokens=1))
    ledger.settle(huge, 10, 0, UNIX, NOW)
    found = refused(ledger, rules, Demand(tokens=50_000))
    assert found.wait_s is not None
    taken(ledger, rules, Demand(tokens=50_000), NOW + found.wait_s)


def test_all_or_none(ledger: Ledger) -> None:
    key, team = Rule(KEY, "key", rpm=10), Rule(TEAM, "team", parallel=1)
    running = taken(ledger, [team])
    found = refused(ledger, [key, team])
    assert (found.rule.holder, found.which) == ("team", "parallel")
    standing = ledger.standing(key, NOW)
    assert standing is not None
    assert (standing.requests, standing.running) == (0, 0)
    ledger.settle(running, 0, 0, UNIX, NOW)
    taken(ledger, [key, team])


def test_the_refusal_told_is_the_one_that_lasts_longest(ledger: Ledger) -> None:
    early, late = Rule(KEY, "key", rpm=1), Rule(TEAM, "team", rpm=1)
    taken(ledger, [early])
    taken(ledger, [late], now=NOW + 20)
    assert refused(ledger, [early, late], now=NOW + 21).rule is late
    assert refused(ledger, [late, early], now=NOW + 21).rule is late


def test_a_budget_is_not_known_until_it_was_loaded(ledger: Ledger) -> None:
    rule = Rule(KEY, "key", budget=100)
    assert ledger.reserve([rule], Demand(), NOW) == Unknown((rule,))
    assert ledger.load(rule, 30, NOW)
    ledger.settle(taken(ledger, [rule], Demand(most=70)), 0, 50, UNIX, NOW)
    standing = ledger.standing(rule, NOW)
    assert standing is not None
    assert (standing.spent, standing.reserved) == (80, 0)


def test_five_large_prompts_at_once_do_not_pass_as_if_they_were_short(ledger: Ledger) -> None:
    """0.45 $, of which each takes 0.12 to 0.20: two at once, and one more when both were cheap."""
    rules = [Rule(KEY, "key", budget=450_000_000)]
    ledger.load(rules[0], 0, NOW)
    demand = Demand(tokens=300_000, least=120_000_000, most=200_000_000)
    running = [taken(ledger, rules, demand), taken(ledger, rules, demand)]
    for _ in range(3):
        found = refused(ledger, rules, demand)
        assert (found.which, found.final, found.used) == ("budget", False, 400_000_000)
    for each in running:
        ledger.settle(each, 300_000, 121_000_000, UNIX, NOW)
    ledger.settle(taken(ledger, rules, demand), 300_000, 121_000_000, UNIX, NOW)
    assert refused(ledger, rules, demand).final


def test_one_request_alone_may_err_by_the_length_of_its_answer(ledger: Ledger) -> None:
    """Not by its prompt, whose price is known."""
    rules = [Rule(KEY, "key", budget=100)]
    ledger.load(rules[0], 90, NOW)
    assert refused(ledger, rules, Demand(least=11, most=500)).final
    alone = taken(ledger, rules, Demand(least=10, most=500))
    assert not refused(ledger, rules, Demand(least=1, most=1)).final
    ledger.settle(alone, 0, 300, UNIX, NOW)
    assert refused(ledger, rules, Demand()).used == 390


def test_what_is_free_asks_no_budget(ledger: Ledger) -> None:
    rules = [Rule(KEY, "key", budget=100)]
    ledger.load(rules[0], 100, NOW)
    assert refused(ledger, rules, Demand()).final
    taken(ledger, rules, Demand(free=True))


def test_a_new_period_begins_with_nothing_spent(machine: Machine) -> None:
    """What is on its way to the state file belongs to the one before, whoever settled it."""
    one, other = machine.hands[:2]
    old = Rule(KEY, "key", budget=100, kind=7, start=1_000, end=2_000)
    new = Rule(KEY, "key", budget=100, kind=7, start=2_000, end=3_000)
    one.load(old, 0, NOW)
    charge = one.settle(taken(one, [old], Demand(most=90)), 0, 90, 1_500, NOW)
    late = taken(other, [old], Demand(most=1))
    ended_before = taken(one, [new], Demand(most=40))
    other.settle(late, 0, 40, 1_999, NOW)  # its end was in the old one
    one.written([charge])
    standing = one.standing(new, NOW)
    assert standing is not None
    assert (standing.spent, standing.reserved) == (0, 40)
    one.settle(ended_before, 0, 40, 2_001, NOW)
    standing = other.standing(new, NOW)
    assert standing is not None
    assert (standing.spent, standing.reserved) == (40, 0)


def test_who_ends_in_the_next_period_pays_in_that_one(ledger: Ledger) -> None:
    old = Rule(KEY, "key", budget=100, kind=7, start=1_000, end=2_000)
    new = Rule(KEY, "key", budget=100, kind=7, start=2_000, end=3_000)
    ledger.load(old, 80, NOW)
    running = taken(ledger, [old], Demand(most=20))
    ledger.turn([new])
    ledger.settle(running, 0, 15, 2_010, NOW)
    standing = ledger.standing(new, NOW)
    assert standing is not None
    assert (standing.spent, standing.reserved) == (15, 0)


def test_a_budget_of_another_sort_is_loaded_anew(ledger: Ledger) -> None:
    day = Rule(KEY, "key", budget=100, kind=1, start=5_000)
    month = Rule(KEY, "key", budget=100, kind=2, start=1_000)
    ledger.load(day, 10, NOW)
    assert ledger.reserve([month], Demand(), NOW) == Unknown((month,))
    ledger.load(month, 60, NOW)
    standing = ledger.standing(month, NOW)
    assert standing is not None
    assert standing.spent == 60


def test_what_was_written_moves_and_moves_back(machine: Machine) -> None:
    one = machine.hands[0]
    rule = Rule(KEY, "key", budget=100)
    one.load(rule, 0, NOW)
    charge = one.settle(taken(one, [rule]), 0, 25, UNIX, NOW)
    assert one.orphans(1) == [(KEY, 0, 0)]
    one.written([charge])
    assert one.orphans(1) == []
    one.written([charge], undone=True)
    assert one.orphans(1) == [(KEY, 0, 0)]
    standing = machine.hands[2].standing(rule, NOW)
    assert standing is not None
    assert standing.spent == 25


def test_what_a_dead_worker_had_reserved_is_given_back(machine: Machine) -> None:
    one, other = machine.hands[:2]
    rule = Rule(KEY, "key", rpm=10, tpm=1_000, parallel=5, budget=100)
    one.load(rule, 0, NOW)
    mine = taken(other, [rule], Demand(tokens=10, most=1))
    one.settle(taken(one, [rule]), 7, 25, UNIX, NOW)
    for _ in range(2):
        taken(one, [rule], Demand(tokens=100, most=10))
    assert other.give_back(1) == 2
    assert other.give_back(1) == 0
    standing = other.standing(rule, NOW)
    assert standing is not None
    assert (standing.running, standing.running_tokens, standing.reserved, standing.spent) == (1, 10, 1, 25)
    machine.another(1).adopt(KEY, 0, 0, 1)  # its records never came to the state file
    other.settle(mine, 0, 3, UNIX, NOW)
    standing = other.standing(rule, NOW)
    assert standing is not None
    assert (standing.running, standing.spent) == (0, 3)


def test_a_reservation_is_settled_once(ledger: Ledger) -> None:
    rule = Rule(KEY, "key", parallel=5, budget=100)
    ledger.load(rule, 0, NOW)
    reservation = taken(ledger, [rule])
    ledger.settle(reservation, 0, 10, UNIX, NOW)
    assert ledger.settle(reservation, 0, 10, UNIX, NOW).rows == ()
    standing = ledger.standing(rule, NOW)
    assert standing is not None
    assert (standing.running, standing.spent) == (0, 10)


def test_rows_of_the_idle_are_given_to_others_and_those_of_the_busy_are_not() -> None:
    machine = Machine(rows=2)
    one, other = machine.hands[:2]
    first, second, third = (Rule(subject("key", each), "key", rpm=1) for each in "abc")
    for rule in (first, second):
        one.settle(taken(one, [rule]), 0, 0, UNIX, NOW)
    assert one.reserve([third], Demand(), NOW + 60) == Full()
    taken(other, [third], now=NOW + 61)
    assert other.standing(first, NOW + 61) is None
    taken(one, [first], now=NOW + 61)  # this one remembered where it was
    assert one.standing(second, NOW + 61) is None
    assert one.reserve([second], Demand(), NOW + 61) == Full()


def test_a_request_takes_no_row_of_its_own_payers() -> None:
    machine = Machine(rows=2)
    ledger = machine.hands[0]
    first, second, third = (Rule(subject("key", each), "key", rpm=1) for each in "abc")
    ledger.settle(taken(ledger, [second, first]), 0, 0, UNIX, NOW)
    taken(ledger, [second, third], now=NOW + 70)
    for rule in (second, third):
        standing = machine.hands[1].standing(rule, NOW + 70)
        assert standing is not None
        assert standing.requests == standing.running == 1


def test_what_is_not_written_yet_keeps_its_row() -> None:
    machine = Machine(rows=1)
    ledger = machine.hands[0]
    rule = Rule(KEY, "key", budget=100)
    ledger.load(rule, 0, NOW)
    charge = ledger.settle(taken(ledger, [rule]), 0, 10, UNIX, NOW)
    assert not ledger.load(Rule(TEAM, "team", budget=1), 0, NOW + 100)
    ledger.written([charge])
    assert ledger.load(Rule(TEAM, "team", budget=1), 0, NOW + 100)


def test_a_request_of_too_many_subjects_is_an_error_of_who_asks(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="64 subjects"):
        ledger.reserve([Rule(KEY)] * 65, Demand(), NOW)
