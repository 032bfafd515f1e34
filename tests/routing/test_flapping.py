"""Upstreams that come and go: how often they are asked while away, and how soon they are back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import ANY, Cause, Pool, Router, RouterSettings
from proxy.routing.rules import LONGEST_S
from proxy.types import Deployment, Result, ResultKind

OK = Result(ResultKind.OK, 200)
Make = Callable[..., Deployment]
STEP_S = 0.1
"""Ten requests a second."""


class Flapping:
    """Two keys; one of them is there and away by turns."""

    def __init__(self, make: Make, failure: Result) -> None:
        self.router = Router([make("flaps"), make("stays")], RouterSettings(), store=MemoryStore(1))
        match = self.router.match("gpt")
        assert match is not None
        self.pool: Pool = match.pool
        self.failure = failure
        self.now = 0.0
        self.asked_while_away = self.requests = 0
        self.back_after_s: list[float] = []

    def spend(self, seconds: float, *, away: bool) -> None:
        began, until, back = self.now, self.now + seconds, False
        while self.now < until:
            served = self._request(away=away)
            if served == "flaps" and not away and not back:
                back = True
                self.back_after_s.append(self.now - began)
            self.now += STEP_S

    def _request(self, *, away: bool) -> str:
        """One attempt, and another elsewhere if it failed."""
        tried: list[Deployment] = []
        self.requests += 1
        cause = Cause(fingerprint=b"%d" % self.requests)
        for _ in range(2):
            picked = self.router.pick(self.pool, self.now, tried=tried)
            assert isinstance(picked, Deployment)
            failed = away and picked.id == "flaps"
            self.router.settle(picked, self.failure if failed else OK, self.now, ANY, cause)
            if not failed:
                self.router.cleared(picked, cause, self.now)
                return picked.id
            self.asked_while_away += 1
            tried.append(picked)
        raise AssertionError("the other key was there all the time")


KINDS = [ResultKind.REFUSED, ResultKind.TIMEOUT, ResultKind.SERVER_ERROR, ResultKind.BROKEN]


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_away_for_an_hour_is_asked_twice_a_minute(deployment: Make, kind: ResultKind) -> None:
    flapping = Flapping(deployment, Result(kind))
    flapping.spend(30, away=False)
    flapping.spend(3600, away=True)
    assert flapping.asked_while_away <= 3600 / LONGEST_S + 8
    flapping.spend(60, away=False)
    assert flapping.back_after_s[-1] <= LONGEST_S + STEP_S


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_one_that_flaps_is_back_within_half_a_minute_each_time(
    deployment: Make, kind: ResultKind, seed: int
) -> None:
    chance, away_s = random.Random(seed), 0.0
    flapping = Flapping(deployment, Result(kind))
    for _ in range(100):
        length_s = chance.uniform(1, 120)
        flapping.spend(length_s, away=True)
        away_s += length_s
        flapping.spend(chance.uniform(LONGEST_S + 1, 150), away=False)
    assert len(flapping.back_after_s) == 100
    assert max(flapping.back_after_s) <= LONGEST_S + STEP_S
    assert flapping.asked_while_away / 100 < 8


@pytest.mark.parametrize("period_s", [1.0, 4.0, 20.0])
def test_a_fast_flapping_one_costs_few_requests(deployment: Make, period_s: float) -> None:
    flapping = Flapping(deployment, Result(ResultKind.REFUSED))
    for _ in range(int(600 / period_s)):
        flapping.spend(period_s / 2, away=True)
        flapping.spend(period_s / 2, away=False)
    assert flapping.asked_while_away < 6000 * 0.02


def settle_all(flapping: Flapping, picked: Iterable[Deployment], result: Result) -> None:
    for each in picked:
        flapping.router.settle(each, result, flapping.now)


def test_one_probe_however_many_requests_come_when_its_rest_ends(deployment: Make) -> None:
    flapping = Flapping(deployment, Result(ResultKind.REFUSED))
    flapping.spend(1, away=True)
    flapping.now = 6.0
    picked = [flapping.router.pick(flapping.pool, 6.0) for _ in range(100)]
    there = [each for each in picked if isinstance(each, Deployment)]
    assert len(there) == 100
    assert sum(each.id == "flaps" for each in there) == 1


@pytest.mark.parametrize("status", [0, 400, 404, 422])
def test_clients_faults_and_leaving_clients_never_count(deployment: Make, status: int) -> None:
    flapping = Flapping(deployment, Result(ResultKind.NEUTRAL, status, first_byte_s=99.0))
    for _ in range(1000):
        picked = flapping.router.pick(flapping.pool, flapping.now)
        assert isinstance(picked, Deployment)
        settle_all(flapping, [picked], flapping.failure)
        flapping.now += STEP_S
    for each in flapping.router.snapshot(flapping.now):
        assert (each.state, each.requests, each.failures, each.ewma_s) == ("closed", 500, 0, None)
