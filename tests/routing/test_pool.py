from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from proxy.routing.ground import Layers
from proxy.routing.learning import Learning
from proxy.routing.member import Member
from proxy.routing.pool import PLACEMENTS_LIMIT, Pool
from proxy.routing.refusal import AT_CAPACITY_RETRY_S, Unavailable
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.wish import ANY, Cause
from proxy.types import Deployment, Result, ResultKind

OK = Result(ResultKind.OK)
NEUTRAL = Result(ResultKind.NEUTRAL)
REFUSED = Result(ResultKind.REFUSED)
AUTH = Result(ResultKind.AUTH)
ERROR = Result(ResultKind.SERVER_ERROR)


class Bench:
    """A pool with its members at hand."""

    def __init__(self, deployments: Iterable[Deployment], settings: RouterSettings) -> None:
        layers = Layers()
        self.learning = Learning(settings)
        self.members = [
            Member(each, DeploymentState(each, settings), layers, settings) for each in deployments
        ]
        self.pool = Pool(self.members)
        self.by_id = {member.deployment.id: member for member in self.members}

    def settle(self, name: str, result: Result, now: float = 0.0) -> None:
        member = self.by_id[name]
        member.state.settle(result, now)
        if result.kind is ResultKind.OK:
            self.learning.succeeded(member, ANY, result, now)
        else:
            self.learning.failed(member, ANY, result, now, Cause())

    def refusal(self, now: float, tried: Iterable[Deployment] = ()) -> tuple[float, str]:
        refused = self.pool.take(now, tried=list(tried))
        assert isinstance(refused, Unavailable)
        return refused.retry_after_s, refused.reason

    def send(self, result: Result = OK, now: float = 0.0, tried: Iterable[str] = ()) -> str:
        picked = self.pool.take(now, tried=[self.by_id[name].deployment for name in tried])
        assert isinstance(picked, Deployment), picked
        self.settle(picked.id, result, now)
        return picked.id

    def sends(self, count: int, result: Result = OK, now: float = 0.0) -> str:
        return "".join(self.send(result, now) for _ in range(count))

    def fail(self, name: str, result: Result, times: int = 1, now: float = 0.0) -> None:
        for _ in range(times):
            self.by_id[name].state.begin(now)
            self.settle(name, result, now)


Make = Callable[..., Bench]


@pytest.fixture
def make(deployment: Callable[..., Deployment]) -> Make:
    def build(weights: dict[str, int], settings: RouterSettings | None = None, **fields: object) -> Bench:
        members = [deployment(name, weight=each, **fields) for name, each in weights.items()]
        return Bench(members, settings or RouterSettings())

    return build


def shares(picks: str) -> dict[str, float]:
    return {name: count / len(picks) for name, count in Counter(picks).items()}


def test_turns_are_nginx_s(make: Make) -> None:
    assert make({"a": 5, "b": 1, "c": 1}).sends(14) == "aabacaa" * 2


def test_weights_hold(make: Make) -> None:
    assert shares(make({"a": 5, "b": 3, "c": 2}).sends(10_000)) == pytest.approx(
        {"a": 0.5, "b": 0.3, "c": 0.2}, abs=0.01
    )


def test_weights_hold_among_the_rest_when_one_is_benched(make: Make) -> None:
    bench = make({"a": 5, "b": 1, "c": 1})
    bench.fail("a", AUTH)
    assert shares(bench.sends(10_000)) == pytest.approx({"b": 0.5, "c": 0.5}, abs=0.01)


def test_weights_hold_when_health_changes_at_every_turn(make: Make) -> None:
    bench = make({"a": 1, "b": 1, "c": 1, "sick": 1})
    picks = ""
    for second in range(3000):
        picks += bench.send(now=float(second), tried=["sick"])
        bench.fail("sick", Result(ResultKind.RATE_LIMITED, 429, 0.5), now=float(second))
        picks += bench.send(now=float(second))
    assert shares(picks) == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, abs=0.05)


def test_weights_hold_among_those_that_have_room(make: Make) -> None:
    bench = make({"a": 5, "b": 1, "c": 1}, max_parallel_requests=1)
    bench.by_id["a"].state.begin(0.0)
    assert shares(bench.sends(1000)) == pytest.approx({"b": 0.5, "c": 0.5}, abs=0.01)


def test_weights_hold_among_the_untried(make: Make) -> None:
    bench = make({"a": 5, "b": 1, "c": 1})
    picks = "".join(bench.send(tried=["a"]) for _ in range(1000))
    assert shares(picks) == pytest.approx({"b": 0.5, "c": 0.5}, abs=0.01)


def test_weight_0_only_when_nothing_else(make: Make) -> None:
    bench = make({"a": 1, "spare": 0, "other spare": 0})
    assert set(bench.sends(100)) == {"a"}
    assert bench.send(tried=["a"]).endswith("spare")
    bench.fail("a", AUTH)
    assert Counter(bench.send() for _ in range(100)) == {"spare": 50, "other spare": 50}


def test_all_weights_0_are_equal_weights(make: Make) -> None:
    assert make({"a": 0, "b": 0}).sends(6) == "ababab"


@pytest.fixture
def tiers(deployment: Callable[..., Deployment]) -> Bench:
    orders = {"z": 3, "a": 1, "b": 1, "s": 2}
    return Bench([deployment(name, order=order) for name, order in orders.items()], RouterSettings())


def test_the_lowest_tier_that_can_serves(tiers: Bench) -> None:
    assert tiers.sends(4) == "abab"
    tiers.fail("a", AUTH)
    assert tiers.sends(3) == "bbb"
    tiers.fail("b", AUTH)
    assert tiers.sends(3) == "sss"
    assert tiers.send(tried="s") == "z"
    assert tiers.send(now=300.0) in "ab"


def test_a_tier_that_is_tried_or_full_passes_on(tiers: Bench) -> None:
    assert tiers.send(tried="ab") == "s"
    assert tiers.send(tried="abs") == "z"
    assert tiers.send(tried="a") == "b"


def test_failing_tiers_pass_on_before_they_are_a_last_resort(tiers: Bench) -> None:
    for name in "ab":
        tiers.fail(name, ERROR, times=3)
    assert tiers.send() == "s"


def test_tried(make: Make) -> None:
    bench = make({"a": 1, "b": 1})
    assert {bench.send(tried="a") for _ in range(10)} == {"b"}
    everything = [member.deployment for member in bench.members]
    assert bench.refusal(0.0, everything) == (0.0, "tried")
    bench.fail("b", AUTH)
    assert bench.refusal(0.0, everything[:1]) == (0.0, "tried")
    assert sum(member.state.in_flight for member in bench.members) == 0


@pytest.mark.parametrize(
    ("settings", "own_limit", "room"),
    [
        (RouterSettings(), 2, 2),
        (RouterSettings(default_max_parallel_requests=3), None, 3),
        (RouterSettings(default_max_parallel_requests=3), 5, 5),
    ],
)
def test_parallel_requests_are_limited(
    make: Make, settings: RouterSettings, own_limit: int | None, room: int
) -> None:
    bench = make({"a": 9, "b": 1}, settings, max_parallel_requests=own_limit)
    picked = [bench.pool.take(0.0) for _ in range(2 * room)]
    assert Counter(each.id for each in picked if isinstance(each, Deployment)) == {"a": room, "b": room}
    full = AT_CAPACITY_RETRY_S, "at capacity"
    assert bench.refusal(0.0) == full
    assert bench.refusal(0.0, [bench.members[0].deployment]) == full
    bench.settle("a", NEUTRAL)
    assert bench.send() == "a"


def test_benched_waits_for_the_first_to_come_back(make: Make) -> None:
    bench = make({"a": 1, "b": 1})
    bench.fail("a", AUTH, now=100.0)
    bench.fail("b", Result(ResultKind.RATE_LIMITED, 429, 12.5), now=100.0)
    assert bench.refusal(101.0) == (11.5, "rate limited")
    assert bench.send(now=112.5) == "b"


def test_one_probe_at_a_time(make: Make) -> None:
    bench = make({"a": 1, "b": 1})
    bench.fail("a", REFUSED)
    assert set(bench.sends(10, now=4.9)) == {"b"}
    picked = [bench.pool.take(5.0) for _ in range(10)]
    assert [each.id for each in picked if isinstance(each, Deployment)].count("a") == 1
    bench.settle("a", OK, 5.0)
    assert Counter(bench.sends(10, now=5.0)) == {"a": 5, "b": 5}


def test_a_failed_probe_benches_for_longer(make: Make) -> None:
    bench = make({"a": 1, "b": 1})
    bench.fail("a", REFUSED)
    assert "a" in bench.sends(2, REFUSED, now=5.0)
    assert bench.by_id["a"].host.health.until_s(5.0) == 10.0


def test_a_neutral_probe_lets_the_next_one_through(make: Make) -> None:
    bench = make({"a": 1})
    bench.fail("a", REFUSED)
    for _ in range(5):
        assert bench.send(NEUTRAL, now=5.0) == "a"
    assert bench.pool.take(5.0) is bench.members[0].deployment
    assert bench.refusal(5.0) == (10.0, "benched")


@pytest.mark.parametrize("kind", [ResultKind.SERVER_ERROR, ResultKind.TIMEOUT, ResultKind.BROKEN])
def test_a_lone_failing_deployment_is_tried_on(make: Make, kind: ResultKind) -> None:
    bench = make({"a": 1})
    for second in range(100):
        assert bench.sends(3, Result(kind), now=float(second)) == "aaa"
        parallel = [bench.pool.take(float(second)) for _ in range(3)]
        assert Unavailable not in map(type, parallel)
        for _ in parallel:
            bench.settle("a", Result(kind), float(second))


def test_all_failing_are_tried_on_by_weight(make: Make) -> None:
    bench = make({"a": 3, "b": 1})
    for name in "ab":
        bench.fail(name, ERROR, times=3)
    assert Counter(bench.sends(40, ERROR, now=1.0)) == {"a": 30, "b": 10}


def test_a_lone_refused_deployment_is_tried_once_per_cooldown(make: Make) -> None:
    bench = make({"a": 1})
    tries = []
    for tenth in range(600):
        picked = bench.pool.take(tenth / 10)
        if isinstance(picked, Deployment):
            tries.append(tenth / 10)
            bench.settle("a", REFUSED, tenth / 10)
        else:
            assert 0 < picked.retry_after_s <= 5.0
    assert tries == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0]


def test_the_part_of_a_scope(deployment: Callable[..., Deployment]) -> None:
    where = {"a": "red", "b": "blue", "c": "red"}
    bench = Bench([deployment(name, object_scope=scope) for name, scope in where.items()], RouterSettings())
    red = bench.pool.part("red")
    assert red is not None
    assert [each.id for each in red.deployments] == ["a", "c"]
    assert bench.pool.part("red") is red
    assert bench.pool.part("green") is None
    assert red.part("red") is red


def test_callers_have_a_home_by_weight(make: Make) -> None:
    bench = make({"a": 3, "b": 1})
    homes = [bench.pool.home(b"%d" % number, 0.0) for number in range(4000)]
    assert sum(home is bench.pool.part("scope-a") for home in homes) / 4000 == pytest.approx(0.75, abs=0.03)
    assert homes == [bench.pool.home(b"%d" % number, 0.0) for number in range(4000)]


def test_only_callers_of_a_benched_scope_move(make: Make) -> None:
    bench = make({"a": 1, "b": 1, "c": 1})
    callers = [b"%d" % number for number in range(300)]
    before = [bench.pool.home(caller, 0.0) for caller in callers]
    bench.fail("a", AUTH)
    gone = bench.pool.part("scope-a")
    for caller, home in zip(callers, before, strict=True):
        now_at = bench.pool.home(caller, 0.0)
        assert now_at is not gone
        assert home is gone or now_at is home
    assert [bench.pool.home(caller, 300.0) for caller in callers] == before


def test_nobody_is_at_home_when_all_are_benched(make: Make) -> None:
    bench = make({"a": 1, "b": 1})
    for name in "ab":
        bench.fail(name, AUTH)
    assert bench.pool.home(b"caller", 0.0) is None


def test_placements_are_bounded(make: Make) -> None:
    pool = make({"a": 1, "b": 1}).pool
    for number in range(2 * PLACEMENTS_LIMIT + 5):
        pool.home(b"%d" % number, 0.0)
    assert 0 < len(pool._placements) <= PLACEMENTS_LIMIT


def test_who_is_usable_was_tried_so_one_that_still_answers_is_asked(make: Make) -> None:
    """A key that cannot serve one request must not keep it from those that rest as failing."""
    bench = make({"a": 1, "b": 1})
    bench.fail("a", ERROR, times=3)
    assert bench.sends(3) == "bbb"
    assert bench.send(tried=["b"]) == "a"


@pytest.mark.parametrize("result", [AUTH, Result(ResultKind.RATE_LIMITED, 429, 30.0)])
def test_but_none_that_will_not_have_it(make: Make, result: Result) -> None:
    bench = make({"a": 1, "b": 1})
    bench.fail("a", result)
    bench.refusal(0.0, [bench.by_id["b"].deployment])
