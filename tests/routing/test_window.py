from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.window import SLOT_S, SLOTS, FailureRate


def test_a_few_requests_say_nothing() -> None:
    rate = FailureRate()
    for _ in range(4):
        rate.failed(0.0)
    assert not rate.is_high(0.0)
    rate.failed(0.0)
    assert rate.is_high(0.0)


def test_half_is_not_more_than_half() -> None:
    rate = FailureRate()
    for _ in range(5):
        rate.failed(0.0)
        rate.succeeded(0.0)
    assert not rate.is_high(0.0)
    rate.failed(0.0)
    assert rate.is_high(0.0)


def test_old_failures_are_forgotten() -> None:
    rate = FailureRate()
    for _ in range(9):
        rate.failed(0.0)
    assert rate.is_high(29.9)
    assert not rate.is_high(30.0)


def test_clear() -> None:
    rate = FailureRate()
    for _ in range(9):
        rate.failed(0.0)
    rate.clear()
    assert not rate.is_high(0.0)


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60))
def test_it_counts_what_the_slots_of_the_window_hold(steps: list[tuple[float, bool]]) -> None:
    rate, now, seen = FailureRate(), 0.0, []
    for step, is_failure in steps:
        now += step
        (rate.failed if is_failure else rate.succeeded)(now)
        seen.append((now // SLOT_S, is_failure))
    recent = [is_failure for slot, is_failure in seen if slot > now // SLOT_S - SLOTS]
    assert rate.is_high(now) == (len(recent) >= 5 and sum(recent) * 2 > len(recent))
