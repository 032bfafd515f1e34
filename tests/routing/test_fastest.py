from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from proxy.routing.dice import Dice
from proxy.routing.fastest import Fastest
from proxy.routing.ground import Layers
from proxy.routing.member import Member
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.types import Deployment, Result, ResultKind

SETTINGS = RouterSettings()
Make = Callable[[int], list[Member]]


@pytest.fixture
def made(deployment: Callable[..., Deployment]) -> Make:
    def make(count: int) -> list[Member]:
        deployments = [deployment(str(number)) for number in range(count)]
        return [Member(each, DeploymentState(each, SETTINGS), Layers(), SETTINGS) for each in deployments]

    return make


def serve(
    members: list[Member], latencies_s: list[float], count: int, rate_per_s: float = 20.0
) -> Counter[str]:
    """Requests at a steady rate, each answered after its member's latency."""
    tier, picked = Fastest(members, Dice(3)), Counter[str]()
    running: list[tuple[float, Member, float]] = []
    for number in range(count):
        now = number / rate_per_s
        for over in [each for each in running if each[0] <= now]:
            running.remove(over)
            over[1].state.settle(Result(ResultKind.OK, 200, first_byte_s=over[2]), over[0])
        member = tier.take(now, (), 0)
        assert member is not None
        member.state.begin(now)
        picked[member.deployment.id] += 1
        latency_s = latencies_s[int(member.deployment.id)]
        running.append((now + latency_s, member, latency_s))
    return picked


@pytest.mark.parametrize("count", [2, 5])
def test_the_slow_one_is_left(made: Make, count: int) -> None:
    picked = serve(made(count), [8.0] + [0.2] * (count - 1), 2000)
    assert picked["0"] < 30
    assert min(picked[str(number)] for number in range(1, count)) > 2000 / count * 0.8


def test_equals_share(made: Make) -> None:
    picked = serve(made(4), [0.5] * 4, 4000)
    assert min(picked.values()) > 800


def test_one_that_fails_at_once_draws_no_requests(made: Make) -> None:
    members = made(2)
    members[0].state.begin(0.0)
    members[0].state.settle(Result(ResultKind.OK, 200, first_byte_s=1.0), 0.0)
    members[1].state.begin(0.0)
    members[1].state.settle(Result(ResultKind.RATE_LIMITED, 429, first_byte_s=0.001), 0.0)
    tier = Fastest(members, Dice())
    assert [tier.take(0.0, (), 0) for _ in range(9)] == [members[0]] * 9


def test_a_slow_one_that_recovered_is_found(made: Make) -> None:
    members = made(2)
    for member, first_byte_s in zip(members, (0.5, 60.0), strict=True):
        member.state.begin(0.0)
        member.state.settle(Result(ResultKind.OK, 200, first_byte_s=first_byte_s), 0.0)
    members[0].state.begin(0.0)
    tier = Fastest(members, Dice())
    assert tier.take(60.0, (), 0) is members[0]
    assert tier.take(1000.0, (), 0) is members[1]
    members[1].state.begin(1000.0)
    assert tier.take(1000.0, (), 0) is members[0]


def test_when_the_two_have_no_room_all_are_seen(made: Make) -> None:
    members = made(50)
    for member in members[:-1]:
        member.limit = 0
    tier = Fastest(members, Dice())
    assert {tier.take(0.0, (), 0) for _ in range(20)} == {members[-1]}
    assert tier.take(0.0, [members[-1].deployment], 0) is None


def test_the_same_seed_picks_the_same(made: Make) -> None:
    def names(seed: int) -> list[str]:
        tier = Fastest(made(9), Dice(seed))
        return [member.deployment.id for _ in range(30) if (member := tier.take(0.0, (), 0)) is not None]

    assert names(1) == names(1)
    assert names(1) != names(2)
    assert len(set(names(1))) > 5
