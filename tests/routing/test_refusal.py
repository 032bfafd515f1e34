from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.refusal import AT_CAPACITY_RETRY_S, LONGEST_S, Unavailable
from proxy.routing.router import Hold, Pool, Router, RouterSettings, Wish
from proxy.types import Deployment, Limits, Result, ResultKind

AUTH = Result(ResultKind.AUTH, 401)
REFUSED = Result(ResultKind.REFUSED)
OK = Result(ResultKind.OK, 200)
Make = Callable[..., Deployment]


def limited(retry_after_s: float) -> Result:
    return Result(ResultKind.RATE_LIMITED, 429, retry_after_s)


class Group:
    def __init__(self, *deployments: Deployment) -> None:
        self.router = Router(deployments, RouterSettings(), store=MemoryStore(1))
        self.deployments = deployments

    @property
    def pool(self) -> Pool:
        match = self.router.match("gpt")
        assert match is not None
        return match.pool

    def send(self, which: int, result: Result | None, now: float = 0.0, tokens: int = 0) -> None:
        """None: it stays under way."""
        tried = [each for each in self.deployments if each is not self.deployments[which]]
        picked = self.router.pick(self.pool, now, tried=tried, wish=Wish(tokens=tokens))
        assert picked is self.deployments[which]
        if result is not None:
            self.router.settle(picked, result, now, Wish(tokens=tokens))

    def refused(self, now: float = 0.0, tokens: int = 0, tried: tuple[int, ...] = ()) -> Unavailable:
        tried_ones = [self.deployments[which] for which in tried]
        refused = self.router.pick(self.pool, now, wish=Wish(tokens=tokens), tried=tried_ones)
        assert isinstance(refused, Unavailable)
        return refused

    def refusal(self, now: float = 0.0, tokens: int = 0, tried: tuple[int, ...] = ()) -> tuple[float, str]:
        refused = self.refused(now, tokens, tried)
        return refused.retry_after_s, refused.reason


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((limited(9.0), limited(7.0)), (7.0, "rate limited")),
        ((limited(9.0), REFUSED), (5.0, "benched")),
        ((limited(3.0), REFUSED), (3.0, "benched")),
        ((limited(9.0), AUTH), (9.0, "rate limited")),
        ((AUTH, AUTH), (300.0, "shut out")),
        ((limited(9.0), None), (AT_CAPACITY_RETRY_S, "at capacity")),
        ((limited(0.25), None), (0.25, "at capacity")),
    ],
)
def test_rests_and_full_ones(
    deployment: Make, results: tuple[Result | None, ...], expected: tuple[float, str]
) -> None:
    group = Group(*(deployment(name, max_parallel_requests=1) for name in "ab"))
    for which, result in enumerate(results):
        group.send(which, result)
    assert group.refusal() == expected


def test_the_wait_of_a_spent_rpm(deployment: Make) -> None:
    group = Group(deployment("a", rpm=1), deployment("b", rpm=1))
    group.send(0, OK, 0.0)
    group.send(1, OK, 20.0)
    assert group.refusal(21.0) == (40.5, "rate limited")
    group.send(0, None, 61.5)


def test_the_wait_for_tokens_depends_on_the_request(deployment: Make) -> None:
    group = Group(deployment("a", tpm=1000))
    group.send(0, Result(ResultKind.OK, tokens=400), 0.0, tokens=400)
    group.send(0, Result(ResultKind.OK, tokens=500), 30.0, tokens=500)
    assert group.refusal(31.0, tokens=200) == (30.5, "rate limited")
    assert group.refusal(31.0, tokens=800) == (60.5, "rate limited")
    group.send(0, None, 31.0, tokens=100)


def test_the_wait_for_what_answers_said(deployment: Make) -> None:
    group = Group(deployment("a"))
    group.send(0, None, 10.0)
    group.router.answered(group.deployments[0], 11.0, Limits(requests=0, requests_reset_s=20.0), 10.0)
    group.send(0, None, 11.0)  # nobody else has any: on trial
    assert group.refusal(11.25) == (0.75, "on trial")
    assert group.router.snapshot(11.25)[0].state == "closed"
    group.send(0, None, 12.0)  # it was not refused: the prediction is dropped
    group.send(0, None, 12.0)


def test_who_insists_goes_to_the_key_that_has_something_first(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b", max_parallel_requests=4), deployment("c"))
    match = group.router.match("gpt")
    assert match is not None
    for each, reset_s in zip(group.deployments, (20.0, 5.0, 10.0), strict=True):
        group.router.pick(match.pool, 0.0)
        group.router.answered(each, 0.1, Limits(requests=50, requests_reset_s=60.0), 0.0)
        group.router.answered(each, 0.1, Limits(requests=0, requests_reset_s=reset_s), 0.0)
    asked = [group.router.pick(match.pool, 0.5) for _ in range(4)]
    assert [each.id for each in asked if isinstance(each, Deployment)] == ["a", "b", "c"], "on trial"
    found = [group.router.insist(match.pool, 0.6) for _ in range(3)]
    assert [each.id for each in found if isinstance(each, Deployment)] == ["b", "b", "c"], "b is full by then"
    for each in group.deployments:
        group.router.settle(each, Result(ResultKind.RATE_LIMITED, 429, 9.0), 0.7)
    refused = group.router.insist(match.pool, 0.8)
    assert isinstance(refused, Unavailable)
    assert refused.reason == "rate limited", "the upstream's own word refuses"


def test_what_a_failure_said_of_the_quota(deployment: Make) -> None:
    group = Group(deployment("a"))
    said = Limits(requests=0, requests_reset_s=20.0)
    group.send(0, Result(ResultKind.RATE_LIMITED, 429, 2.0, first_byte_s=0.0, limits=said))
    assert group.refusal(1.0) == (1.0, "rate limited")
    group.send(0, None, 2.0)
    assert group.refusal(2.0)[1] == "rate limited"


def test_an_out_of_quota_key_and_a_full_one(deployment: Make) -> None:
    group = Group(deployment("a", rpm=1), deployment("b", max_parallel_requests=1))
    group.send(0, OK)
    group.send(1, None)
    assert group.refusal() == (AT_CAPACITY_RETRY_S, "at capacity")


def test_tried_ones(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"))
    assert group.refusal(tried=(0, 1)) == (0.0, "tried")
    group.send(0, limited(9.0))
    assert group.refusal(tried=(1,)) == (0.0, "tried")
    group.send(1, REFUSED)
    assert group.refusal(tried=(1,)) == (9.0, "rate limited")
    assert group.refusal(tried=(0, 1)) == (5.0, "benched")


@pytest.mark.parametrize(
    ("hold", "wait_s"),
    [(Hold.benched(40.0), 40.0), (Hold.benched(), LONGEST_S), (Hold.draining(), LONGEST_S)],
)
def test_what_the_operator_holds(deployment: Make, hold: Hold, wait_s: float) -> None:
    group = Group(deployment("a"), deployment("b"))
    group.router.hold("a", hold, 0.0)
    assert group.refusal(tried=(1,)) == (0.0, "tried")
    group.router.hold("b", hold, 0.0)
    assert group.refusal() == (wait_s, "benched")
    group.router.hold("b", Hold.revived(), 0.0)
    group.send(1, limited(9.0))
    assert group.refusal() == (9.0, "rate limited")
