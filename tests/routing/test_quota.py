from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.quota import RUNNING_S, Quota
from proxy.types import Result, ResultKind

OK = ResultKind.OK


def quota(rpm: int | None = None, tpm: int | None = None, *, enforced: bool = True) -> Quota:
    made = Quota()
    made.limit(rpm, tpm, enforced=enforced)
    return made


def take(one: Quota, now: float, tokens: int = 0, count: int = 1) -> None:
    for _ in range(count):
        assert one.admits(now, tokens)
        one.take(now, tokens)


def test_requests_per_minute() -> None:
    one = quota(rpm=3)
    take(one, 0.0, count=2)
    take(one, 30.0)
    assert not one.admits(60.0, 0)
    assert one.wait_s(40.0, 0) == 21.5
    take(one, 61.5, count=2)
    assert not one.admits(61.5, 0)


def test_tokens_per_minute_as_expected_then_as_used() -> None:
    one = quota(tpm=1000)
    take(one, 0.0, 600)
    assert not one.admits(0.0, 401)
    take(one, 0.0, 400)
    assert not one.admits(0.0, 0)
    one.give_back(Result(OK, tokens=100), 1.0, 600, running=2)
    assert one.admits(1.0, 500)
    assert not one.admits(1.0, 501)
    assert one.used(1.0) == (2, 500)


def test_tokens_count_until_a_minute_after_their_request() -> None:
    one = quota(tpm=1000)
    take(one, 0.0, 1000)
    assert not one.admits(200.0, 1)
    assert one.wait_s(200.0, 1) == RUNNING_S
    one.give_back(Result(OK, tokens=1000), 200.0, 1000, running=1)
    assert not one.admits(260.0, 1)
    assert one.wait_s(200.0, 1) == 61.5
    assert one.admits(261.5, 1000)


@pytest.mark.parametrize(
    ("kind", "used"),
    [(OK, 70), (ResultKind.BROKEN, 70), (ResultKind.REFUSED, 0), (ResultKind.RATE_LIMITED, 0)],
)
def test_where_the_upstream_does_not_say(kind: ResultKind, used: int) -> None:
    one = quota(tpm=100)
    take(one, 0.0, 70)
    one.give_back(Result(kind), 1.0, 70, running=1)
    assert one.used(1.0) == (1, used)


def test_what_was_never_reserved_frees_nothing() -> None:
    """A request that was sent before its deployment had a limit."""
    one = quota(tpm=1000)
    take(one, 0.0, 100)
    one.give_back(Result(OK, tokens=0), 1.0, 300, running=3)
    assert one.used(1.0) == (1, 0)
    take(one, 1.0, 1000)
    assert not one.admits(1.0, 1)


def test_a_request_larger_than_a_minute_goes_alone() -> None:
    one = quota(tpm=100)
    take(one, 0.0, 5000)
    assert not one.admits(0.0, 1)
    one.give_back(Result(OK, tokens=50), 1.0, 5000, running=1)
    assert not one.admits(1.0, 5000)
    assert one.admits(62.5, 5000)


def test_0_is_no_limit() -> None:
    one = quota(rpm=0, tpm=0)
    take(one, 0.0, 10**6, count=100)
    assert one.wait_s(0.0, 10**6) == 0.0


def test_limits_that_are_weights_only() -> None:
    one = quota(rpm=1, tpm=1, enforced=False)
    take(one, 0.0, 50, count=2)
    assert one.share(0.0) == (100.0, 102)


def test_the_larger_share_counts() -> None:
    one = quota(rpm=10, tpm=1000)
    take(one, 0.0, 100)
    assert one.share(0.0)[0] == 0.1
    take(one, 0.0, 400)
    assert one.share(0.0)[0] == 0.5
    assert quota().share(0.0) == (0.0, 0)


PICKS = st.lists(
    st.tuples(st.floats(0, 8), st.integers(1, 40), st.floats(0, 1), st.floats(0, 30), st.floats(0, 1)),
    max_size=120,
)


@given(PICKS, st.booleans())
def test_no_minute_of_the_upstream_s_holds_more_than_the_limits(
    picks: list[tuple[float, int, float, float, float]],
    counts_at_the_end: bool,
) -> None:
    """Requests are up to a second on their way; tokens count when the request comes, or when it is done."""
    one, now = quota(rpm=8, tpm=100), 0.0
    running: deque[tuple[float, int, int]] = deque()
    counted: list[tuple[float, int]] = []
    for step, expected, way_s, length_s, part in picks:
        now += step
        for over in sorted(each for each in running if each[0] <= now):
            running.remove(over)
            one.give_back(Result(OK, tokens=over[2]), over[0], over[1], len(running) + 1)
        if not one.admits(now, expected):
            assert one.wait_s(now, expected) > 0
            continue
        one.take(now, expected)
        used, end = int(expected * part), now + way_s + length_s
        running.append((end, expected, used))
        counted.append((end if counts_at_the_end else now + way_s, used))
    for start, _ in counted:
        within = [tokens for when, tokens in counted if start <= when < start + 60]
        assert sum(within) <= 100
        assert counts_at_the_end or len(within) <= 8


@given(PICKS)
def test_waits_come_true(picks: list[tuple[float, int, float, float, float]]) -> None:
    one, now = quota(rpm=8, tpm=100), 0.0
    for step, expected, *_ in picks:
        now += step
        if one.admits(now, expected):
            one.take(now, expected)
            one.give_back(Result(OK, tokens=expected), now, expected, 1)
        else:
            assert one.admits(now + one.wait_s(now, expected) + 1e-6, expected)


@pytest.mark.parametrize(
    ("result", "used"),
    [
        (Result(ResultKind.NEUTRAL, 400), 0),
        (Result(ResultKind.NEUTRAL, 200), 900),
        (Result(ResultKind.NEUTRAL), 900),
        (Result(ResultKind.SERVER_ERROR, 500), 900),
        (Result(ResultKind.NEUTRAL, 400, tokens=7), 7),
    ],
    ids=["turned down", "left early", "left before the answer", "perhaps begun", "said"],
)
def test_what_was_turned_down_used_nothing(result: Result, used: int) -> None:
    """Else whoever asks for too much, and is told so at once, takes the key from all others for a minute."""
    one = quota(tpm=1000)
    take(one, 0.0, 900)
    one.give_back(result, 0.1, 900, running=1)
    assert one.used(0.1) == (1, used)
