"""What one caller's requests are only expected to use takes a deployment's `tpm` from nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.affinity import MemoryStore
from proxy.routing.quota import Quota
from proxy.routing.router import Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Result, ResultKind

OK, TIMEOUT = ResultKind.OK, ResultKind.TIMEOUT
HUGE = 1_000_000


def quota(tpm: int | None = 1200) -> Quota:
    made = Quota()
    made.limit(None, tpm, enforced=True)
    return made


def admits(one: Quota, tokens: int, caller: bytes, now: float = 0.0) -> bool:
    """As a pool asks."""
    return one.admits(now, tokens) or one.admits_share(now, tokens, caller)


def test_a_huge_request_of_one_caller_leaves_the_others_their_shares() -> None:
    one = quota()
    assert admits(one, HUGE, b"greedy")
    one.take(0.0, HUGE, b"greedy")
    assert not admits(one, 1, b"greedy")
    assert admits(one, 600, b"modest")
    assert not admits(one, 601, b"modest")
    one.take(0.0, 600, b"modest")
    assert admits(one, 400, b"third")
    assert not admits(one, 401, b"third")


def test_alone_a_caller_has_all_of_it() -> None:
    one = quota()
    for _ in range(3):
        assert admits(one, 400, b"alone")
        one.take(0.0, 400, b"alone")
    assert not admits(one, 1, b"alone")


def test_what_was_used_in_fact_counts_against_everybody() -> None:
    one = quota()
    one.take(0.0, HUGE, b"greedy")
    one.give_back(Result(OK, tokens=1100), 1.0, HUGE, 1, b"greedy")
    assert admits(one, 100, b"modest", 1.0)
    assert not admits(one, 101, b"modest", 1.0)


@pytest.mark.parametrize("result", [Result(TIMEOUT), Result(ResultKind.NEUTRAL)], ids=["late", "left"])
def test_what_its_upstream_never_said_stays_a_guess(result: Result) -> None:
    """For a minute it is held against who asked for it."""
    one = quota()
    one.take(0.0, HUGE, b"greedy")
    one.give_back(result, 1.0, HUGE, 1, b"greedy")
    assert one.used(1.0) == (1, HUGE)
    for now in (1.0, 60.0):
        assert admits(one, 600, b"modest", now)
        assert not admits(one, 1, b"greedy", now)
    assert admits(one, HUGE, b"greedy", 62.5)


def test_a_limit_that_comes_and_goes_leaves_nothing_behind() -> None:
    one = quota()
    one.take(0.0, 1000, b"a")
    one.limit(None, None, enforced=True)
    one.give_back(Result(OK, tokens=0), 1.0, 1000, 1, b"a")
    one.limit(None, 1200, enforced=True)
    assert admits(one, 1200, b"b", 1.0)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 5),
        st.sampled_from([b"a", b"b", b"c"]),
        st.integers(0, 3000),
        st.sampled_from([None, 0, 50]),
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(STEPS)
def test_whoever_asks_for_little_has_an_equal_share_of_what_is_not_used(
    steps: list[tuple[float, bytes, int, int | None, int]],
) -> None:
    """However many requests, of whatever size, the others have under way or have left without a word."""
    one, now, running, said = quota(), 0.0, list[tuple[bytes, int]](), 0
    for step, caller, tokens, used, nth in steps:
        now += step
        if admits(one, tokens, caller, now):
            one.take(now, tokens, caller)
            running.append((caller, tokens))
        if running and nth < len(running):
            whose, held = running.pop(nth)
            one.give_back(Result(OK, tokens=used), now, held, len(running) + 1, whose)
            said += used or 0
        if said < 300:
            assert admits(one, 300 - said, b"newcomer", now)


def test_a_router_gives_the_others_their_turn(deployment: Callable[..., Deployment]) -> None:
    only = deployment("only", tpm=1200)
    router = Router([only], RouterSettings(), store=MemoryStore(1))
    match = router.match("gpt")
    assert match is not None
    greedy, modest = Wish(tokens=HUGE, caller=b"greedy"), Wish(tokens=500, caller=b"modest")
    assert router.pick(match.pool, 0.0, wish=greedy) is only
    assert isinstance(router.pick(match.pool, 0.0, wish=greedy), Unavailable)
    assert router.pick(match.pool, 0.0, wish=modest) is only
    assert isinstance(router.pick(match.pool, 0.0, wish=modest), Unavailable)
    router.settle(only, Result(OK, tokens=1), 1.0, greedy)
    assert router.pick(match.pool, 1.0, wish=modest) is only


def test_who_waits_for_its_own_share_is_known_whatever_else_rests(
    deployment: Callable[..., Deployment],
) -> None:
    """It waits in nobody else's way."""
    full, rests = deployment("full", tpm=1200), deployment("rests")
    router = Router([full, rests], RouterSettings(), store=MemoryStore(1))
    match = router.match("gpt")
    assert match is not None
    greedy = Wish(tokens=HUGE, caller=b"greedy")
    assert {router.pick(match.pool, 0.0, wish=greedy) for _ in range(2)} == {full, rests}
    router.settle(rests, Result(ResultKind.AUTH, 401), 0.0, greedy)
    refused = router.pick(match.pool, 1.0, wish=greedy)
    assert isinstance(refused, Unavailable)
    assert refused.apart
    assert router.pick(match.pool, 1.0, wish=Wish(tokens=500, caller=b"modest")) is full
