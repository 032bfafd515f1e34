"""The health of one thing that can fail. What makes it rest is in test_learning.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.health import PROBE_PATIENCE_S, QUIET_S, Health, Stage
from proxy.routing.rules import AUTH, DENIED, FAILING, RATE_LIMITED, REFUSED, RULES, SCOPE, SLOW, Rule

COOLDOWN_S = 5.0
SHUT_OUT = [AUTH, DENIED, SCOPE]
EVERY = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)


@pytest.fixture
def health() -> Health:
    return Health()


def bench(health: Health, rule: Rule, now: float, length_s: float | None = None) -> float:
    """How long the bench is."""
    health.bench(rule, now, COOLDOWN_S, length_s)
    return health.until_s(now)


def bench_again(health: Health, rule: Rule, now: float, length_s: float | None = None) -> tuple[float, float]:
    """Waits for the bench to end and lets the probe fail: (when, how long the next bench is)."""
    now += health.until_s(now)
    health.begin_trial(now)
    return now, bench(health, rule, now, length_s)


@pytest.mark.parametrize(
    ("rule", "told_s", "length_s"),
    [
        (REFUSED, None, 5.0),
        *((rule, None, 300.0) for rule in SHUT_OUT),
        (RATE_LIMITED, None, 5.0),
        (RATE_LIMITED, 17.25, 17.25),
        (FAILING, None, 5.0),
        (SLOW, None, 5.0),
    ],
)
def test_how_long_a_bench_is(health: Health, rule: Rule, told_s: float | None, length_s: float) -> None:
    assert bench(health, rule, 100.0, told_s) == length_s
    assert health.stage(100.0) is Stage.OPEN
    assert health.reason() == rule.reason
    assert health.since == 100.0
    assert not health.admits(100.0 + length_s - 0.001)
    assert health.admits(100.0 + length_s)
    assert health.stage(100.0 + length_s) is Stage.HALF_OPEN


@pytest.mark.parametrize(
    ("rule", "told_s", "lengths_s"),
    [
        (REFUSED, None, [5, 10, 20, 30, 30]),
        (FAILING, None, [5, 10, 20, 30, 30]),
        (SLOW, None, [5, 10, 20, 30, 30]),
        *((rule, None, [300, 600, 1200, 2400, 3600, 3600]) for rule in SHUT_OUT),
        (RATE_LIMITED, None, [5, 5, 5]),
        (RATE_LIMITED, 30.0, [30, 30, 30]),
    ],
)
def test_benchings_in_a_row_double_up_to_a_cap(
    health: Health, rule: Rule, told_s: float | None, lengths_s: list[float]
) -> None:
    now, seen = 0.0, [bench(health, rule, 0.0, told_s)]
    for _ in lengths_s[1:]:
        now, length_s = bench_again(health, rule, now, told_s)
        seen.append(length_s)
    assert seen == lengths_s


def test_a_bench_for_another_reason_starts_small(health: Health) -> None:
    now, _ = bench_again(health, AUTH, bench(health, AUTH, 0.0))
    _, length_s = bench_again(health, REFUSED, now)
    assert length_s == 5.0


@pytest.mark.parametrize(
    ("quiet_s", "length_s"), [(0, 30), (QUIET_S - 1, 30), (QUIET_S, 20), (9 * QUIET_S, 5)]
)
def test_quiet_minutes_take_doublings_back(health: Health, quiet_s: float, length_s: float) -> None:
    now = 0.0
    bench(health, REFUSED, now)
    for _ in range(2):
        now, _ = bench_again(health, REFUSED, now)
    now += health.until_s(now)
    health.succeeded(now)
    assert bench(health, REFUSED, now + quiet_s) == length_s


def test_the_later_deadline_wins(health: Health) -> None:
    bench(health, REFUSED, 0.0)
    bench(health, RATE_LIMITED, 1.0, 60.0)
    assert (health.until_s(1.0), health.reason(), health.since) == (60.0, "rate_limited", 1.0)
    bench(health, REFUSED, 2.0)
    bench(health, RATE_LIMITED, 2.0, 10.0)
    assert (health.until_s(2.0), health.reason()) == (59.0, "rate_limited")
    bench(health, AUTH, 3.0)
    assert (health.until_s(3.0), health.reason()) == (300.0, "auth")


def test_a_hundred_refused_together_are_one_benching(health: Health) -> None:
    for _ in range(100):
        bench(health, REFUSED, 0.0)
    assert health.until_s(0.0) == 5.0
    _, length_s = bench_again(health, REFUSED, 0.0)
    assert length_s == 10.0


@EVERY
def test_late_successes_do_not_end_a_bench(health: Health, rule: Rule) -> None:
    length_s = bench(health, rule, 0.0)
    assert not health.succeeded(length_s / 2)
    assert health.stage(length_s / 2) is Stage.OPEN


@EVERY
def test_half_open_lets_one_probe_through(health: Health, rule: Rule) -> None:
    now = bench(health, rule, 0.0)
    assert health.admits(now)
    assert health.begin_trial(now)
    assert not health.admits(now)
    assert not health.admits_last_resort(now) or rule.still_answers
    assert health.succeeded(now + 1)
    assert health.stage(now + 1) is Stage.CLOSED
    assert health.admits(now + 1)


def test_a_probe_that_says_nothing_frees_the_slot(health: Health) -> None:
    now = bench(health, AUTH, 0.0)
    health.begin_trial(now)
    assert health.learned_nothing(now)
    assert health.stage(now) is Stage.HALF_OPEN
    assert health.admits(now)


def test_a_slow_probe_does_not_hold_the_next_one_back_forever(health: Health) -> None:
    now = bench(health, REFUSED, 0.0)
    health.begin_trial(now)
    assert health.next_change(now) == now + PROBE_PATIENCE_S
    assert not health.admits(now + PROBE_PATIENCE_S - 0.1)
    assert health.admits(now + PROBE_PATIENCE_S)


def test_retry_after_zero_asks_one_at_a_time(health: Health) -> None:
    bench(health, RATE_LIMITED, 0.0, 0.0)
    assert health.stage(0.0) is Stage.HALF_OPEN
    assert health.admits(0.0)
    health.begin_trial(0.0)
    assert not health.admits(0.0)


@pytest.mark.parametrize("rule", [FAILING, SLOW])
def test_last_resort_failing_or_slow_at_any_time(health: Health, rule: Rule) -> None:
    bench(health, rule, 0.0)
    assert health.admits_last_resort(0.0)
    assert not health.begin_trial(0.0)
    assert health.admits_last_resort(0.0)
    assert health.succeeded(0.0)
    assert health.stage(0.0) is Stage.CLOSED


def test_last_resort_refused_once_per_cooldown(health: Health) -> None:
    now = bench(health, REFUSED, 0.0)
    now, length_s = bench_again(health, REFUSED, now)
    assert length_s == 10.0
    assert not health.admits_last_resort(now + 4.9)
    assert health.next_change(now) == now + 5.0
    assert health.admits_last_resort(now + 5.0)
    health.begin_trial(now + 5.0)
    assert not health.admits_last_resort(now + 5.0)
    bench(health, REFUSED, now + 6.0)
    assert not health.admits_last_resort(now + 10.9)
    assert health.admits_last_resort(now + 11.0)


@pytest.mark.parametrize("rule", [*SHUT_OUT, RATE_LIMITED])
def test_no_last_resort_against_the_upstream_s_word(health: Health, rule: Rule) -> None:
    length_s = bench(health, rule, 0.0)
    assert not health.admits_last_resort(length_s - 0.1)


@EVERY
def test_the_operator_ends_any_bench(health: Health, rule: Rule) -> None:
    length_s = bench(health, rule, 0.0)
    now, _ = bench_again(health, rule, length_s)
    health.forget()
    assert health.stage(now) is Stage.CLOSED
    assert bench(health, rule, now) == length_s


@given(
    st.lists(
        st.tuples(st.floats(0, 50), st.sampled_from([None, *RULES]), st.booleans(), st.booleans()),
        max_size=80,
    )
)
def test_every_bench_ends_and_one_success_heals(
    steps: list[tuple[float, Rule | None, bool, bool]],
) -> None:
    health, now = Health(), 0.0
    for step, rule, picked, well in steps:
        now += step
        if picked and health.benched and (health.admits(now) or health.admits_last_resort(now)):
            health.begin_trial(now)
        before_s = health.until_s(now)
        if rule is not None:
            health.bench(rule, now, COOLDOWN_S)
            assert health.until_s(now) >= before_s
        elif well:
            health.succeeded(now)
        else:
            health.learned_nothing(now)
        assert health.until_s(now) <= 3600.0
        assert bool(health.reason()) == (health.stage(now) is not Stage.CLOSED)
    now += max(health.until_s(now), PROBE_PATIENCE_S) + 0.001  # the sum of floats may fall short
    assert health.admits(now)
    health.begin_trial(now)
    health.succeeded(now)
    assert health.stage(now) is Stage.CLOSED


@given(
    st.lists(
        st.tuples(st.floats(0.01, 20), st.sampled_from([None, *RULES]), st.booleans(), st.booleans()),
        max_size=60,
    )
)
def test_answers_change_only_when_told(steps: list[tuple[float, Rule | None, bool, bool]]) -> None:
    """Pools look again when a method says so or `next_change` has come; in between they must not be wrong."""
    health, now = Health(), 0.0

    def answers() -> tuple[bool, bool]:
        admits = health.admits(now)
        return admits, admits or health.admits_last_resort(now)

    known, look_again_at = answers(), health.next_change(now)
    for step, rule, is_pick, well in steps:
        now += step
        if now >= look_again_at:
            known, look_again_at = answers(), health.next_change(now)
        if is_pick and health.benched and answers()[1]:
            changed = health.begin_trial(now)
        elif rule is not None:
            health.bench(rule, now, COOLDOWN_S)
            changed = True
        else:
            changed = health.succeeded(now) if well else health.learned_nothing(now)
        if changed:
            known, look_again_at = answers(), health.next_change(now)
        assert answers() == known
