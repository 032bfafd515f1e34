from __future__ import annotations

from collections.abc import Callable

from proxy.routing.ground import Layers
from proxy.routing.member import Member
from proxy.routing.rotation import Rotation
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.types import Deployment

SETTINGS = RouterSettings()
Make = Callable[..., Deployment]


def members(make: Make, weights: dict[str, int], **fields: object) -> list[Member]:
    made = [make(name, weight=weight, **fields) for name, weight in weights.items()]
    return [Member(each, DeploymentState(each, SETTINGS), Layers(), SETTINGS) for each in made]


def turns(rotation: Rotation, count: int, now: float = 0.0) -> str:
    picked = (rotation.take(now, (), 0) for _ in range(count))
    return "".join("-" if each is None else each.deployment.id for each in picked)


def test_turns_by_weight_from_where_it_stood(deployment: Make) -> None:
    three = members(deployment, {"a": 5, "b": 1, "c": 1})
    assert turns(Rotation(three, 0), 8) == "aabacaaa"
    assert turns(Rotation(three, 9), 3) == "bac"


def test_those_without_room_are_passed_over(deployment: Make) -> None:
    three = members(deployment, {"a": 1, "b": 1, "c": 1}, rpm=1, max_parallel_requests=1)
    three[0].state.in_flight = 1
    three[1].state.begin(0.0)
    three[1].state.in_flight = 0
    rotation = Rotation(three, 0)
    assert turns(rotation, 3) == "ccc"
    three[2].state.begin(0.0)
    assert turns(rotation, 1) == "-"
    three[2].state.in_flight = 0
    assert turns(rotation, 2, now=62.0) == "bc"


def test_it_takes_whom_a_member_says(deployment: Make) -> None:
    """The unrolled check and `Member.takes` agree."""
    for fields in ({}, {"rpm": 1}, {"tpm": 10}, {"max_parallel_requests": 1}):
        (one,) = members(deployment, {"a": 1}, **fields)
        for tokens in (0, 5, 10, 20):
            rotation = Rotation([one], 0)
            for tried in ((), (one.deployment,)):
                assert (rotation.take(0.0, tried, tokens) is one) == one.takes(0.0, tried, tokens)
            one.state.begin(0.0, tokens)
