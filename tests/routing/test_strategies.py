from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import get_args

import pytest

from proxy.config.settings import Strategy
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.routing.settings import COUNTING
from proxy.routing.strategies import STRATEGIES
from proxy.types import Deployment, Result, ResultKind

OK = Result(ResultKind.OK, 200, first_byte_s=0.1)
Make = Callable[..., Deployment]


def serve(deployments: list[Deployment], strategy: str, count: int, **how: object) -> Counter[str]:
    routes = Router(deployments, RouterSettings(strategy=strategy), store=MemoryStore(1))
    match = routes.match("gpt")
    assert match is not None
    picked = Counter[str]()
    for number in range(count):
        one = routes.pick(match.pool, number / 100, **how)  # type: ignore[arg-type]
        assert isinstance(one, Deployment), one
        picked[one.id] += 1
        routes.settle(one, OK, number / 100)
    return picked


def test_every_name_of_the_configuration_has_one_but_the_one_that_is_not_there() -> None:
    assert set(get_args(Strategy)) - {"lar1"} == set(STRATEGIES)
    assert set(STRATEGIES) >= COUNTING


@pytest.mark.parametrize("strategy", [*STRATEGIES, "lar1"])
def test_the_lowest_tier_serves_and_all_of_it(deployment: Make, strategy: str) -> None:
    tiers = [deployment("a"), deployment("b"), deployment("later", order=1), deployment("spare", weight=0)]
    picked = serve(tiers, strategy, 100)
    assert set(picked) == {"a", "b"}
    assert picked["a"] == pytest.approx(50, abs=25)
    assert serve(tiers, strategy, 10, tried=tiers[:2]) == {"spare": 10}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pinned_request_goes_where_it_must(deployment: Make, strategy: str) -> None:
    assert serve([deployment("a"), deployment("b")], strategy, 10, scope="scope-b") == {"b": 10}


def test_each_does_what_its_name_says(deployment: Make) -> None:
    two = [deployment("a", weight=3, rpm=900, input_per_token=1.0), deployment("b", rpm=100)]
    assert serve(two, "simple-shuffle", 40) == {"a": 30, "b": 10}
    assert serve(two, "usage-based-routing", 40) == {"a": 36, "b": 4}
    assert serve(two, "usage-based-routing-v2", 40) == {"a": 36, "b": 4}
    assert serve(two, "cost-based-routing", 40) == {"b": 40}
    assert serve(two, "least-busy", 40) == {"a": 20, "b": 20}
