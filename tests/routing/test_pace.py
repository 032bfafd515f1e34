from __future__ import annotations

import math

import pytest

from proxy.routing.pace import DECAY_S, FAR, FLOOR_S, LONGEST_S, OUTLIERS, PENALTY_S, Pace, bar_s
from proxy.types import Layer, Result, ResultKind


def answer(first_byte_s: float | None) -> Result:
    return Result(ResultKind.OK, 200, first_byte_s=first_byte_s)


def test_a_slow_answer_counts_at_once_and_fast_ones_over_ten_seconds() -> None:
    pace = Pace()
    assert pace.ewma_s() is None
    pace.observe(answer(1.0), 0.0)
    pace.observe(answer(9.0), 1.0)
    assert pace.ewma_s() == 9.0
    pace.observe(answer(1.0), 1.0 + DECAY_S)
    assert pace.ewma_s() == 5.0
    pace.observe(answer(1.0), 1.0 + DECAY_S)
    assert pace.ewma_s() == 5.0


@pytest.mark.parametrize(
    "result",
    [
        Result(ResultKind.NEUTRAL, 400, first_byte_s=0.01),
        answer(None),
        Result(ResultKind.RATE_LIMITED, 429, 30.0, blame=Layer.NOBODY),
        Result(ResultKind.AUTH, 401, blame=Layer.NOBODY),
        Result(ResultKind.AUTH, 404, blame=Layer.MODEL),
        Result(ResultKind.AUTH, 403, blame=Layer.FAMILY),
    ],
    ids=["bad", "unmeasured", "too large", "the client's project", "an invented model", "no scope"],
)
def test_clients_faults_and_the_unmeasured_say_nothing(result: Result) -> None:
    pace = Pace()
    pace.observe(result, 0.0)
    assert pace.ewma_s() is None


FAILURES = [kind for kind in ResultKind if kind not in (ResultKind.OK, ResultKind.NEUTRAL)]


@pytest.mark.parametrize("kind", FAILURES)
def test_failing_fast_is_slow(kind: ResultKind) -> None:
    pace = Pace()
    pace.observe(Result(kind, first_byte_s=0.001), 0.0)
    assert pace.ewma_s() == PENALTY_S
    pace.observe(answer(30.0), 0.0)
    pace.observe(Result(kind), 0.0)
    assert pace.ewma_s() == 60.0
    for _ in range(9):
        pace.observe(Result(kind), 0.0)
    assert pace.ewma_s() == LONGEST_S


def test_a_429_is_as_slow_as_it_says() -> None:
    pace = Pace()
    pace.observe(Result(ResultKind.RATE_LIMITED, 429, 40.0), 0.0)
    assert pace.ewma_s() == 40.0


def test_cost_grows_with_the_queue() -> None:
    pace = Pace()
    pace.observe(answer(2.0), 0.0)
    assert [pace.cost_s(in_flight, 0.0) for in_flight in (0, 1, 4)] == [2.0, 4.0, 10.0]


def test_an_idle_one_is_tried_again_some_day_by_one_request() -> None:
    pace = Pace()
    pace.observe(answer(20.0), 0.0)
    assert pace.cost_s(0, 9 * DECAY_S) == 2.0
    assert pace.cost_s(1, 9 * DECAY_S) == 40.0


def test_one_that_answered_nothing_yet_gets_one_request() -> None:
    pace = Pace()
    assert pace.cost_s(0, 0.0) == 0.0
    assert PENALTY_S < pace.cost_s(1, 0.0) < pace.cost_s(2, 0.0)


def test_several_answers_beyond_the_bar_in_a_row_make_an_outlier() -> None:
    pace = Pace()
    assert not any(pace.observe(answer(1000.0), 0.0) for _ in range(3 * OUTLIERS))
    pace.bar_s = 10.0
    late = [answer(11.0)] * (OUTLIERS - 1)
    assert not any(pace.observe(each, 0.0) for each in [*late, answer(10.0), *late])
    assert pace.observe(answer(11.0), 0.0)


def test_the_bar_is_far_beyond_the_others() -> None:
    assert bar_s([4.0, 50.0], 50.0) == FAR * 4.0
    assert bar_s([4.0, 50.0], 4.0) == FAR * 50.0
    assert bar_s([3.0, 4.0, 50.0], 50.0) == FAR * 3.0
    assert bar_s([3.0, 4.0, 5.0, 50.0], 50.0) == FAR * 4.0
    assert bar_s([3.0, 4.0, 5.0, 50.0], 3.0) == FAR * 5.0
    assert bar_s([0.1, 0.2], 0.2) == FLOOR_S
    assert not math.isinf(bar_s([1.0, 1.0], 1.0))
