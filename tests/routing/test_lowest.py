from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from proxy.routing.ground import Layers
from proxy.routing.lowest import Figure, Lowest, price, requests_per_weight, share_of_quota
from proxy.routing.member import Member
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.types import Deployment

SETTINGS = RouterSettings(strategy="usage-based-routing", enforce_rate_limits=False)
Make = Callable[..., Deployment]


@pytest.fixture
def made(deployment: Make) -> Callable[..., list[Member]]:
    def make(**named: dict[str, object]) -> list[Member]:
        deployments = [deployment(name, **fields) for name, fields in named.items()]
        return [Member(each, DeploymentState(each, SETTINGS), Layers(), SETTINGS) for each in deployments]

    return make


def picks(members: list[Member], figure: Figure, count: int, tokens: int = 0, start: int = 0) -> str:
    """All of them stay under way."""
    lowest, names = Lowest(members, start, figure), ""
    for _ in range(count):
        picked = lowest.take(0.0, (), tokens)
        if picked is None:
            return names + "-"
        picked.state.begin(0.0, tokens)
        names += picked.deployment.id
    return names


def test_the_least_busy_for_its_weight(made: Callable[..., list[Member]]) -> None:
    members = made(a={"weight": 3}, b={})
    assert Counter(picks(members, requests_per_weight, 40)) == {"a": 30, "b": 10}
    members[0].state.in_flight = 0
    assert picks(members, requests_per_weight, 20) == "a" * 20


def test_equals_take_turns(made: Callable[..., list[Member]]) -> None:
    members = made(a={}, b={}, c={})
    lowest = Lowest(members, 1, requests_per_weight)
    names = [lowest.take(0.0, (), 0) for _ in range(6)]
    assert "".join(each.deployment.id for each in names if each) == "bcabca"


def test_the_lowest_share_of_its_quota(made: Callable[..., list[Member]]) -> None:
    members = made(a={"rpm": 10}, b={"rpm": 30}, c={"rpm": 100, "tpm": 1000})
    assert Counter(picks(members, share_of_quota, 50, tokens=100)) == {"a": 10, "b": 30, "c": 10}


def test_without_limits_the_fewest_tokens(made: Callable[..., list[Member]]) -> None:
    members = made(a={}, b={})
    members[0].state.begin(0.0, 1000)
    assert picks(members, share_of_quota, 12, tokens=100) == "b" * 10 + "ab"


def test_the_cheapest_until_it_is_full(made: Callable[..., list[Member]]) -> None:
    members = made(
        dear={"input_per_token": 3e-6, "output_per_token": 9e-6, "max_parallel_requests": 1},
        x={"input_per_token": 4e-6, "output_per_token": 1e-6, "max_parallel_requests": 2},
        y={"input_per_token": 1e-6, "output_per_token": 4e-6, "max_parallel_requests": 2},
    )
    assert picks(members, price, 9) == "xyxydear-"


def test_those_that_were_tried_do_not_count(made: Callable[..., list[Member]]) -> None:
    members = made(a={}, b={"output_per_token": 1.0})
    lowest = Lowest(members, 0, price)
    assert lowest.take(0.0, [members[0].deployment], 0) is members[1]
    assert lowest.take(0.0, [each.deployment for each in members], 0) is None
