"""What answers foretell steers, and never refuses."""

from __future__ import annotations

import pytest

from proxy.routing.prediction import DISTRUST_S, LONGEST_DISTRUST_S, TRIAL_S, Prediction
from proxy.types import Limits

NOTHING_LEFT = Limits(requests=0, requests_reset_s=60.0)


@pytest.fixture
def one() -> Prediction:
    return Prediction()


def foretell(one: Prediction, now: float) -> None:
    one.take(now, 0)
    one.learn(NOTHING_LEFT, now, now, 0)


def test_answers_tell_what_is_left(one: Prediction) -> None:
    assert one.remaining(0.0) == (None, None)
    one.take(0.0, 100)
    one.take(0.5, 200)
    one.learn(Limits(1, 1000, 30.0, 20.0), 1.0, picked_at=0.0, tokens=100)
    assert one.remaining(1.0) == (0, 800)
    assert not one.favours(1.0, 10)
    assert one.wait_s(1.0, 10) == 60.5  # after the reset, but two may be all there is in a minute


def test_tokens_alone_may_be_told(one: Prediction) -> None:
    one.take(0.0, 100)
    one.learn(Limits(tokens=1000, tokens_reset_s=9.0), 1.0, picked_at=0.0, tokens=100)
    assert one.remaining(1.0) == (None, 1000)
    assert one.favours(1.0, 1000)
    assert not one.favours(1.0, 1001)
    assert one.wait_s(1.0, 1001) == 10.0


def test_one_trial_each_second(one: Prediction) -> None:
    foretell(one, 0.0)
    assert one.lets_try(0.5)
    one.begin_trial(0.5)
    assert not one.lets_try(1.0)
    assert one.trial_wait_s(1.0) == 0.5
    one.learned_nothing()
    assert not one.lets_try(1.0)
    assert one.lets_try(1.5)
    assert not one.favours(1.5, 0)


def test_a_success_shows_that_it_was_wrong(one: Prediction) -> None:
    foretell(one, 0.0)
    one.begin_trial(1.0)
    assert not one.answered_well(1.2, picked_at=0.5)  # it was sent before
    assert one.answered_well(1.3, picked_at=1.0)
    assert one.favours(1.3, 0)
    foretell(one, 2.0)  # not heeded
    assert one.favours(2.0, 0)


def test_so_does_a_second_without_refusal(one: Prediction) -> None:
    foretell(one, 0.0)
    one.begin_trial(1.0)
    assert one.lets_try(1.0 + TRIAL_S)
    assert one.favours(1.0 + TRIAL_S, 0)


def test_headers_that_were_wrong_are_heeded_again_later_each_time(one: Prediction) -> None:
    now, waits_s = 0.0, []
    for _ in range(8):
        foretell(one, now)
        assert not one.favours(now, 0)
        one.begin_trial(now)
        one.answered_well(now, now)
        began = now
        while one.favours(now, 0):
            now += 1.0
            foretell(one, now)
        waits_s.append(now - began)
    assert waits_s == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (waits_s[0], waits_s[-1]) == (DISTRUST_S, LONGEST_DISTRUST_S)


def test_a_refused_trial_shows_that_it_was_right(one: Prediction) -> None:
    foretell(one, 0.0)
    one.begin_trial(0.0)
    one.answered_well(0.0, 0.0)
    foretell(one, DISTRUST_S)
    one.begin_trial(DISTRUST_S)
    one.refused()
    assert not one.favours(DISTRUST_S, 0)
    one.begin_trial(DISTRUST_S + 1)
    one.answered_well(DISTRUST_S + 1, None)
    foretell(one, 2 * DISTRUST_S + 1)
    assert not one.favours(2 * DISTRUST_S + 1, 0)  # a minute, as the first time


def test_a_bucket_fills_all_the_time(one: Prediction) -> None:
    """`reset` is when it is full: an end that moves on before it has come is a bucket's."""
    for second in range(10):  # ten of sixty a minute are gone each second, one comes back
        for _ in range(5):
            one.take(float(second), 0)
        one.learn(Limits(60 - 5 * second, None, 5.0 * second + 1, None), second + 0.1, float(second), 0)
    left, _ = one.remaining(9.1)
    later, _ = one.remaining(19.1)
    assert left is not None
    assert later is not None
    assert later - left == pytest.approx(10, abs=2)


def test_a_window_gives_nothing_back_before_its_end(one: Prediction) -> None:
    for second in range(10):
        for _ in range(5):
            one.take(float(second), 0)
        one.learn(Limits(60 - 5 * second, None, 60.0 - second, None), second + 0.1, float(second), 0)
    assert one.remaining(9.1) == one.remaining(19.1)
