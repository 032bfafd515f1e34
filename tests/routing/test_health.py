from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.health import PROBE_PATIENCE_S, QUIET_S, Health, Stage
from proxy.routing.settings import RouterSettings
from proxy.types import Result, ResultKind

OK = Result(ResultKind.OK)
NEUTRAL = Result(ResultKind.NEUTRAL)
REFUSED = Result(ResultKind.REFUSED)
AUTH = Result(ResultKind.AUTH, 401)
TIMEOUT = Result(ResultKind.TIMEOUT)
ERROR = Result(ResultKind.SERVER_ERROR, 500)
BROKEN = Result(ResultKind.BROKEN)
HARD = (REFUSED, AUTH, Result(ResultKind.RATE_LIMITED))
SOFT = (TIMEOUT, ERROR, BROKEN)


def limited(retry_after_s: float | None = None) -> Result:
    return Result(ResultKind.RATE_LIMITED, 429, retry_after_s)


@pytest.fixture
def health() -> Health:
    return Health(RouterSettings())


def bench(health: Health, result: Result, now: float) -> float:
    """Fails until benched; how long the bench is."""
    while health.stage(now) is not Stage.OPEN:
        health.observe(result, now)
    return health.until_s(now)


def bench_again(health: Health, result: Result, now: float) -> tuple[float, float]:
    """Waits for the bench to end and lets the probe fail: (when, how long the next bench is)."""
    now += health.until_s(now)
    health.begin_trial(now)
    health.observe(result, now)
    return now, health.until_s(now)


def test_every_kind_of_result_has_a_rule(health: Health) -> None:
    for kind in ResultKind:
        health.observe(Result(kind), 0.0)


@pytest.mark.parametrize(
    ("result", "length_s", "reason"),
    [
        (REFUSED, 5.0, "refused"),
        (AUTH, 300.0, "auth"),
        (limited(), 5.0, "rate_limited"),
        (limited(17.25), 17.25, "rate_limited"),
        (limited(86400.0), 300.0, "rate_limited"),
    ],
)
def test_one_result_benches(health: Health, result: Result, length_s: float, reason: str) -> None:
    assert health.observe(result, 100.0)
    assert health.stage(100.0) is Stage.OPEN
    assert health.until_s(100.0) == length_s
    assert health.reason() == reason
    assert not health.admits(100.0 + length_s - 0.001)
    assert health.admits(100.0 + length_s)
    assert health.stage(100.0 + length_s) is Stage.HALF_OPEN


@pytest.mark.parametrize("result", SOFT)
def test_three_failures_in_a_row_bench(health: Health, result: Result) -> None:
    assert not health.observe(result, 0.0)
    assert not health.observe(result, 0.0)
    assert health.stage(0.0) is Stage.CLOSED
    assert health.observe(result, 0.0)
    assert health.stage(0.0) is Stage.OPEN
    assert health.reason() == "failing"
    assert health.consecutive == 3


def test_a_success_breaks_the_row(health: Health) -> None:
    for result in [OK] * 20 + [ERROR, ERROR, OK] * 6:
        assert not health.observe(result, 0.0)
    assert health.stage(0.0) is Stage.CLOSED


def test_a_high_failure_rate_benches_without_a_row(health: Health) -> None:
    for result in (ERROR, ERROR, OK, ERROR):
        health.observe(result, 0.0)
    assert health.stage(0.0) is Stage.CLOSED
    health.observe(ERROR, 1.0)
    assert health.stage(1.0) is Stage.OPEN


@pytest.mark.parametrize("settings", [RouterSettings(disable_cooldowns=True), RouterSettings(cooldown_s=0.0)])
def test_cooldowns_can_be_off(settings: RouterSettings) -> None:
    health = Health(settings)
    for result in (*HARD, *SOFT * 5):
        assert not health.observe(result, 0.0)
    assert health.stage(0.0) is Stage.CLOSED


def test_a_deployment_s_own_cooldown_wins() -> None:
    assert bench(Health(RouterSettings(cooldown_s=5.0), 42.0), REFUSED, 0.0) == 42.0
    assert bench(Health(RouterSettings(cooldown_s=5.0), 400.0), REFUSED, 0.0) == 400.0


@pytest.mark.parametrize(
    ("result", "lengths_s"),
    [
        (REFUSED, [5, 10, 20, 30, 30]),
        (ERROR, [5, 10, 20, 30, 30]),
        (AUTH, [300, 600, 1200, 2400, 3600, 3600]),
        (limited(), [5, 5, 5]),
        (limited(30.0), [30, 30, 30]),
    ],
)
def test_benchings_in_a_row_double_up_to_a_cap(
    health: Health, result: Result, lengths_s: list[float]
) -> None:
    now, seen = 0.0, [bench(health, result, 0.0)]
    for _ in lengths_s[1:]:
        now, length_s = bench_again(health, result, now)
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
    health.observe(OK, now)
    assert bench(health, REFUSED, now + quiet_s) == length_s


def test_the_later_deadline_wins(health: Health) -> None:
    health.observe(REFUSED, 0.0)
    health.observe(limited(60.0), 1.0)
    assert (health.until_s(1.0), health.reason()) == (60.0, "rate_limited")
    health.observe(REFUSED, 2.0)
    health.observe(limited(10.0), 2.0)
    assert (health.until_s(2.0), health.reason()) == (59.0, "rate_limited")
    health.observe(AUTH, 3.0)
    assert (health.until_s(3.0), health.reason()) == (300.0, "auth")


def test_a_hundred_refused_together_are_one_benching(health: Health) -> None:
    for _ in range(100):
        health.observe(REFUSED, 0.0)
    assert health.until_s(0.0) == 5.0
    _, length_s = bench_again(health, REFUSED, 0.0)
    assert length_s == 10.0


@pytest.mark.parametrize("result", SOFT)
def test_late_failures_do_not_lengthen_a_bench(health: Health, result: Result) -> None:
    bench(health, ERROR, 0.0)
    for _ in range(50):
        assert not health.observe(result, 4.0)
    assert health.until_s(4.0) == 1.0


@pytest.mark.parametrize("result", [*HARD, ERROR])
def test_late_successes_do_not_end_a_bench(health: Health, result: Result) -> None:
    length_s = bench(health, result, 0.0)
    assert not health.observe(OK, length_s / 2)
    assert health.stage(length_s / 2) is Stage.OPEN


@pytest.mark.parametrize("result", [*HARD, ERROR])
def test_half_open_lets_one_probe_through(health: Health, result: Result) -> None:
    now = bench(health, result, 0.0)
    assert health.admits(now)
    assert health.begin_trial(now)
    assert not health.admits(now)
    assert not health.admits_last_resort(now) or result is ERROR
    assert health.observe(OK, now + 1)
    assert health.stage(now + 1) is Stage.CLOSED
    assert health.admits(now + 1)
    assert health.consecutive == 0


def test_a_neutral_probe_frees_the_slot(health: Health) -> None:
    now = bench(health, AUTH, 0.0)
    health.begin_trial(now)
    assert health.observe(NEUTRAL, now)
    assert health.stage(now) is Stage.HALF_OPEN
    assert health.admits(now)


def test_neutral_teaches_nothing(health: Health) -> None:
    for _ in range(100):
        assert not health.observe(NEUTRAL, 0.0)
    assert health.stage(0.0) is Stage.CLOSED
    assert health.consecutive == 0
    bench(health, REFUSED, 0.0)
    assert not health.observe(NEUTRAL, 0.0)
    assert health.until_s(0.0) == 5.0


def test_a_slow_probe_does_not_hold_the_next_one_back_forever(health: Health) -> None:
    now = bench(health, REFUSED, 0.0)
    health.begin_trial(now)
    assert health.next_change(now) == now + PROBE_PATIENCE_S
    assert not health.admits(now + PROBE_PATIENCE_S - 0.1)
    assert health.admits(now + PROBE_PATIENCE_S)


def test_retry_after_zero_asks_one_at_a_time(health: Health) -> None:
    health.observe(limited(0.0), 0.0)
    assert health.stage(0.0) is Stage.HALF_OPEN
    assert health.admits(0.0)
    health.begin_trial(0.0)
    assert not health.admits(0.0)


def test_last_resort_failing_at_any_time(health: Health) -> None:
    bench(health, ERROR, 0.0)
    assert health.admits_last_resort(0.0)
    assert not health.begin_trial(0.0)
    assert health.admits_last_resort(0.0)
    assert health.observe(OK, 0.0)
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
    health.observe(REFUSED, now + 6.0)
    assert not health.admits_last_resort(now + 10.9)
    assert health.admits_last_resort(now + 11.0)


@pytest.mark.parametrize("result", [AUTH, limited(60.0), limited()])
def test_no_last_resort_against_the_upstream_s_word(health: Health, result: Result) -> None:
    length_s = bench(health, result, 0.0)
    assert not health.admits_last_resort(length_s - 0.1)


def test_a_reload_changes_the_numbers_and_keeps_the_bench(health: Health) -> None:
    bench(health, REFUSED, 0.0)
    health.configure(RouterSettings(cooldown_s=9.0), None)
    assert health.until_s(0.0) == 5.0
    assert bench_again(health, REFUSED, 0.0)[1] == 18.0


def test_a_reload_that_turns_benches_off_ends_them(health: Health) -> None:
    bench(health, AUTH, 0.0)
    health.configure(RouterSettings(disable_cooldowns=True), None)
    assert health.stage(0.0) is Stage.CLOSED
    assert health.admits(0.0)
    health.configure(RouterSettings(), None)
    assert bench(health, AUTH, 0.0) == 300.0


def test_a_reload_may_bring_a_better_key(health: Health) -> None:
    now, _ = bench_again(health, AUTH, bench(health, AUTH, 0.0))
    health.trust_key()
    assert (health.stage(now), health.reason()) == (Stage.CLOSED, "")
    assert bench(health, AUTH, now) == 300.0


@pytest.mark.parametrize("result", [REFUSED, ERROR, limited(60.0)])
def test_a_reload_forgives_nothing_but_the_key(health: Health, result: Result) -> None:
    length_s = bench(health, result, 0.0)
    health.trust_key()
    assert health.until_s(0.0) == length_s


@pytest.mark.parametrize("result", [*HARD, *SOFT])
def test_the_operator_ends_any_bench(health: Health, result: Result) -> None:
    length_s = bench(health, result, 0.0)
    now, _ = bench_again(health, result, length_s)
    health.revive()
    assert health.stage(now) is Stage.CLOSED
    assert health.consecutive == 0
    assert bench(health, result, now) == length_s


def test_a_slow_one_rests_but_stays_a_last_resort(health: Health) -> None:
    assert health.fall_behind(0.0)
    assert (health.stage(0.0), health.reason(), health.until_s(0.0)) == (Stage.OPEN, "slow", 5.0)
    assert not health.admits(4.9)
    assert health.admits_last_resort(0.0)
    assert not health.fall_behind(1.0)
    assert health.admits(5.0)
    health.begin_trial(5.0)
    assert not health.admits(5.0)
    assert health.observe(OK, 6.0)
    assert health.fall_behind(6.0)
    assert health.until_s(6.0) == 10.0


RESULTS = st.sampled_from([OK, NEUTRAL, *HARD, *SOFT, limited(7.0), limited(400.0)])


@given(st.lists(st.tuples(st.floats(0, 50), RESULTS, st.booleans()), max_size=80))
def test_every_bench_ends_and_one_success_heals(steps: list[tuple[float, Result, bool]]) -> None:
    health, now = Health(RouterSettings()), 0.0
    for step, result, picked in steps:
        now += step
        if picked and health.benched and (health.admits(now) or health.admits_last_resort(now)):
            health.begin_trial(now)
        before_s = health.until_s(now)
        health.observe(result, now)
        assert health.until_s(now) <= 3600.0
        assert result.kind is ResultKind.OK or health.until_s(now) >= before_s
        assert bool(health.reason()) == (health.stage(now) is not Stage.CLOSED)
    now += max(health.until_s(now), PROBE_PATIENCE_S) + 0.001  # the sum of floats may fall short
    assert health.admits(now)
    health.observe(OK, now)
    assert health.stage(now) is Stage.CLOSED


@given(st.lists(st.tuples(st.floats(0.01, 20), RESULTS, st.booleans()), max_size=60))
def test_answers_change_only_when_told(steps: list[tuple[float, Result, bool]]) -> None:
    """Pools look again when a method says so or `next_change` has come; in between they must not be wrong."""
    health, now = Health(RouterSettings()), 0.0

    def answers() -> tuple[bool, bool]:
        admits = health.admits(now)
        return admits, admits or health.admits_last_resort(now)

    known, look_again_at = answers(), health.next_change(now)
    for step, result, is_pick in steps:
        now += step
        if now >= look_again_at:
            known, look_again_at = answers(), health.next_change(now)
        if is_pick and health.benched and answers()[1]:
            changed = health.begin_trial(now)
        else:
            changed = health.observe(result, now)
        if changed:
            known, look_again_at = answers(), health.next_change(now)
        assert answers() == known
