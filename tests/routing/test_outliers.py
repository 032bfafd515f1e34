"""Keys far slower than the others of their group rest; the last usable one never does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.pool import COMPARE_S
from proxy.routing.router import Pool, Router, RouterSettings
from proxy.types import Deployment, Result, ResultKind

HALVES = pytest.approx({"a": 300, "b": 300}, abs=1)
Make = Callable[..., Deployment]


class Group:
    def __init__(self, *deployments: Deployment) -> None:
        self.router = Router(deployments, RouterSettings(), store=MemoryStore(1))
        match = self.router.match("gpt")
        assert match is not None
        self.pool: Pool = match.pool
        self.now = 0.0

    def serve(self, first_byte_s: Mapping[str, float], seconds: float) -> Counter[str]:
        """Ten requests a second, one after the other."""
        picked = Counter[str]()
        until = self.now + seconds
        while self.now < until:
            one = self.router.pick(self.pool, self.now)
            assert isinstance(one, Deployment)
            picked[one.id] += 1
            self.router.settle(one, Result(ResultKind.OK, 200, first_byte_s=first_byte_s[one.id]), self.now)
            self.now += 0.1
        return picked

    def reason(self, name: str) -> str:
        return {each.id: each.reason for each in self.router.snapshot(self.now)}[name]


def test_one_far_slower_than_the_others_rests(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"), deployment("c"))
    group.serve({"a": 1.0, "b": 1.5, "c": 1.0}, COMPARE_S + 1)
    slow = {"a": 1.0, "b": 40.0, "c": 1.0}
    group.serve(slow, 3)
    assert group.reason("b") == "slow"
    group.serve(slow, 60)
    assert group.serve(slow, 60)["b"] < 40
    assert group.serve({"a": 1.0, "b": 1.0, "c": 1.0}, 40)["b"] > 0
    assert group.reason("b") == ""


def test_slower_is_not_far_slower(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"))
    assert group.serve({"a": 3.0, "b": 12.0}, 60) == HALVES
    assert group.serve({"a": 0.1, "b": 9.0}, 60) == HALVES


def test_a_slow_hour_of_all_is_nobody_s_fault(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"))
    group.serve({"a": 1.0, "b": 1.0}, 30)
    assert set(group.serve({"a": 30.0, "b": 30.0}, 60)) == {"a", "b"}
    assert group.serve({"a": 30.0, "b": 30.0}, 60) == HALVES


def test_other_models_are_not_compared(deployment: Make) -> None:
    group = Group(deployment("a", model="gpt-4o-mini"), deployment("b", model="o3"))
    assert group.serve({"a": 0.5, "b": 90.0}, 60) == HALVES


def test_the_last_usable_one_never_rests(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"))
    group.serve({"a": 1.0, "b": 1.0}, COMPARE_S + 1)
    for each in group.pool.deployments[:1]:
        group.router.settle(_pick(group, each), Result(ResultKind.AUTH, 401), group.now)
    group.serve({"b": 90.0}, 60)
    assert group.reason("b") == ""


def test_a_slow_one_serves_when_the_others_are_gone(deployment: Make) -> None:
    group = Group(deployment("a"), deployment("b"))
    group.serve({"a": 1.0, "b": 1.0}, COMPARE_S + 1)
    group.serve({"a": 1.0, "b": 90.0}, 1.5)
    assert group.reason("b") == "slow"
    group.router.settle(_pick(group, group.pool.deployments[0]), Result(ResultKind.AUTH, 401), group.now)
    assert set(group.serve({"b": 90.0}, 60)) == {"b"}


def _pick(group: Group, one: Deployment) -> Deployment:
    tried = [each for each in group.pool.deployments if each is not one]
    picked = group.router.pick(group.pool, group.now, tried=tried)
    assert picked is one
    return picked
