from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Hold, Pool, Router, RouterSettings, Unavailable, Wish
from proxy.routing.strategies import STRATEGIES
from proxy.types import Deployment, Layer, Limits, Result, ResultKind, Secret

OK = Result(ResultKind.OK, 200)
AUTH = Result(ResultKind.AUTH, 401)
ERROR = Result(ResultKind.SERVER_ERROR, 500)
REFUSED = Result(ResultKind.REFUSED)
Make = Callable[..., Deployment]


def router(deployments: Sequence[Deployment], strategy: str = "simple-shuffle", **named: object) -> Router:
    settings = RouterSettings(strategy=strategy)
    return Router(deployments, settings, store=MemoryStore(10), **named)  # type: ignore[arg-type]


def pool_of(routes: Router, model: str) -> Pool:
    found = routes.match(model)
    assert found is not None
    return found.pool


def send(routes: Router, pool: Pool, now: float = 0.0, result: Result = OK, **how: object) -> str:
    picked = routes.pick(pool, now, **how)  # type: ignore[arg-type]
    assert isinstance(picked, Deployment), picked
    routes.settle(picked, result, now)
    return picked.id


def test_match(deployment: Make) -> None:
    routes = router(
        [deployment("a"), deployment("w", group="openai/*", model="*")],
        aliases={"best": "gpt"},
    )
    exact, alias, wildcard = routes.match("gpt"), routes.match("best"), routes.match("openai/o3")
    assert exact is not None
    assert alias is not None
    assert wildcard is not None
    assert alias.pool is exact.pool
    assert (exact.wildcard, wildcard.wildcard) == ("", "o3")
    assert [each.id for each in wildcard.pool.deployments] == ["w"]
    assert routes.match("openai") is None


def test_model_names(deployment: Make) -> None:
    groups = ["b", "a", "b", "openai/*"]
    routes = router(
        [deployment(str(number), group=group) for number, group in enumerate(groups)],
        aliases={"z": "a", "hidden": "a", "a": "b", "dead": "nothing", "wild": "openai/o3"},
        hidden_aliases={"hidden"},
    )
    assert routes.model_names() == ("b", "a", "z", "wild")
    assert routes.match("hidden") is not None


def test_a_failing_key_is_left_and_comes_back(deployment: Make) -> None:
    routes = router([deployment("dead"), deployment("good")])
    pool = pool_of(routes, "gpt")
    picks = [send(routes, pool, now=n / 10, result=OK if n % 2 else REFUSED) for n in range(2)]
    assert picks == ["dead", "good"]
    assert {send(routes, pool, now=1.0) for _ in range(20)} == {"good"}
    assert Counter(send(routes, pool, now=5.0) for _ in range(20)) == {"dead": 10, "good": 10}


def test_health_is_one_in_all_pools(deployment: Make) -> None:
    both = [deployment("a", object_scope="red"), deployment("b", object_scope="red")]
    routes = router(both)
    group, scope, through = pool_of(routes, "gpt"), routes.scope_pool("red"), routes.pass_through_pool()
    assert scope is not None
    assert through is not None
    assert send(routes, group, result=REFUSED) == "a"
    for pool in (group, scope, through):
        assert {send(routes, pool) for _ in range(4)} == {"b"}
    assert [status.failures for status in routes.snapshot(0.0)] == [1, 0]


def test_slots_are_counted_once_over_all_pools(deployment: Make) -> None:
    routes = router([deployment("a", object_scope="red", max_parallel_requests=2)])
    scope = routes.scope_pool("red")
    assert scope is not None
    first = routes.pick(pool_of(routes, "gpt"), 0.0)
    assert isinstance(first, Deployment)
    routes.pick(scope, 0.0)
    for pool in (pool_of(routes, "gpt"), scope):
        assert isinstance(routes.pick(pool, 0.0), Unavailable)
    assert routes.snapshot(0.0)[0].in_flight == 2
    routes.settle(first, OK, 0.0)
    assert send(routes, scope) == "a"


@pytest.fixture
def scoped(deployment: Make) -> Router:
    return router(
        [
            deployment("a", object_scope="red"),
            deployment("b", object_scope="blue"),
            deployment("c", object_scope="red", weight=3),
            deployment("other", group="other", object_scope="green"),
        ]
    )


def test_a_scope_pins_inside_the_pool(scoped: Router) -> None:
    pool = pool_of(scoped, "gpt")
    assert Counter(send(scoped, pool, scope="red") for _ in range(40)) == {"a": 10, "c": 30}
    assert {send(scoped, pool, scope="blue") for _ in range(4)} == {"b"}


def test_pinned_picks_leave_the_others_turns_alone(scoped: Router) -> None:
    pool = pool_of(scoped, "gpt")
    picks = []
    for _ in range(50):
        send(scoped, pool, scope="blue")
        picks.append(send(scoped, pool))
    assert Counter(picks) == {"a": 10, "b": 10, "c": 30}


def test_a_scope_outside_the_pool_is_reached(scoped: Router) -> None:
    assert send(scoped, pool_of(scoped, "gpt"), scope="green") == "other"


def test_a_scope_that_is_gone_pins_nothing(scoped: Router) -> None:
    picks = {send(scoped, pool_of(scoped, "gpt"), scope="removed") for _ in range(20)}
    assert picks == {"a", "b", "c"}


def test_a_pinned_request_does_not_go_elsewhere(scoped: Router, deployment: Make) -> None:
    pool = pool_of(scoped, "gpt")
    assert send(scoped, pool, scope="blue", result=AUTH) == "b"
    assert scoped.pick(pool, 100.0, scope="blue") == Unavailable(200.0, "shut out", Layer.KEY, 401)
    tried = [each for each in pool.deployments if each.object_scope == "red"]
    assert scoped.pick(pool, 0.0, scope="red", tried=tried) == Unavailable(0.0, "tried")


def test_a_caller_stays_in_one_scope(scoped: Router) -> None:
    pool = pool_of(scoped, "gpt")
    red, blue = {"a", "c"}, {"b"}
    for number in range(50):
        picks = {send(scoped, pool, caller=b"%d" % number) for _ in range(8)}
        assert picks in (red, blue)


def test_a_caller_moves_when_its_scope_is_tried_or_benched(scoped: Router) -> None:
    pool = pool_of(scoped, "gpt")
    caller = next(b"%d" % n for n in range(99) if send(scoped, pool, caller=b"%d" % n) == "b")
    blue = [each for each in pool.deployments if each.id == "b"]
    assert send(scoped, pool, caller=caller, tried=blue) in {"a", "c"}
    assert send(scoped, pool, caller=caller, result=AUTH) == "b"
    assert send(scoped, pool, caller=caller) in {"a", "c"}
    assert send(scoped, pool, caller=caller, now=300.0) == "b"
    everything = pool.deployments
    assert scoped.pick(pool, 300.0, caller=caller, tried=everything) == Unavailable(0.0, "tried")


def ids(pool: Pool | None) -> list[str] | None:
    return None if pool is None else [each.id for each in pool.deployments]


def environment(deployment: Make) -> Deployment:
    return deployment("env", group="*", api_key=Secret("sk-of-the-environment"))


def test_who_serves_what_names_nothing_is_listed_and_found_by_its_objects(deployment: Make) -> None:
    routes = router([deployment("a", whole_api=False)], env_deployment=environment(deployment))
    assert ids(routes.pass_through_pool()) == ["env"]
    assert ids(routes.scope_pool("scope-env")) == ["env"]
    assert routes.match("anything") is None
    assert [status.id for status in routes.snapshot(0.0)] == ["a", "env"]


def test_an_environments_key_that_is_not_needed_is_no_deployment(deployment: Make) -> None:
    env = environment(deployment)
    routes = router([deployment("a")], env_deployment=env)
    assert ids(routes.pass_through_pool()) == ["a"]
    assert routes.scope_pool("scope-env") is None
    assert [status.id for status in routes.snapshot(0.0)] == ["a"]
    assert ids(router([deployment("a")], env_deployment=env, env_first=True).pass_through_pool()) == ["env"]


CALLERS = [b"%d" % number for number in range(60)]


@pytest.mark.parametrize("fields", [{}, {"use_in_pass_through": True}])
def test_what_names_a_model_is_placed_where_that_goes_which_names_none(
    deployment: Make, fields: dict[str, bool]
) -> None:
    deployments = [
        deployment("a", **fields), deployment("b", **fields), deployment("c"),
        deployment("d", group="x", object_scope="scope-a"), deployment("e", group="x", object_scope="scope-b"),
    ]  # fmt: skip
    routes = router(deployments)
    nameless = routes.pass_through_pool()
    assert nameless is not None
    places = {caller: send(routes, nameless, caller=caller) for caller in CALLERS}
    assert {scope_of(deployments, place) for place in places.values()} == {"scope-a", "scope-b"}
    for group in ("gpt", "x"):
        for caller in CALLERS:
            named = send(routes, pool_of(routes, group), caller=caller)
            assert scope_of(deployments, named) == scope_of(deployments, places[caller])


def test_a_group_that_does_not_reach_that_project_has_a_place_of_its_own(deployment: Make) -> None:
    routes = router(
        [deployment("a", use_in_pass_through=True), deployment("b", group="x"), deployment("c", group="x")]
    )
    assert {send(routes, pool_of(routes, "x"), caller=caller) for caller in CALLERS} == {"b", "c"}


def scope_of(deployments: list[Deployment], id_: str) -> str:
    return next(each.object_scope for each in deployments if each.id == id_)


def test_an_answer_that_began_ends_the_bench(deployment: Make) -> None:
    routes = router([deployment("a")])
    pool = pool_of(routes, "gpt")
    send(routes, pool, result=REFUSED)
    probe = routes.pick(pool, 5.0)
    assert isinstance(probe, Deployment)
    assert isinstance(routes.pick(pool, 5.0), Unavailable)
    routes.answered(probe, 6.0)
    assert send(routes, pool, now=6.0) == "a"
    assert routes.snapshot(6.0)[0].in_flight == 1
    routes.answered(deployment("unknown"), 6.0)


def test_snapshot_keeps_secrets(deployment: Make) -> None:
    assert "very-secret" not in repr(router([deployment("a")]).snapshot(0.0))


def test_reload_keeps_state_by_id(deployment: Make) -> None:
    old = router([deployment("a"), deployment("b"), deployment("gone")])
    pool = pool_of(old, "gpt")
    assert send(old, pool, result=REFUSED) == "a"
    in_flight = old.pick(pool, 0.0, tried=pool.deployments[2:])
    assert isinstance(in_flight, Deployment)
    assert in_flight.id == "b"

    new = router([deployment("b", weight=2, max_parallel_requests=1), deployment("a"), deployment("new")])
    new.carry_over(old)
    after = {status.id: status for status in new.snapshot(0.0)}
    assert (after["a"].state, after["b"].in_flight, after["new"].requests) == ("open", 1, 0)
    assert {send(new, pool_of(new, "gpt")) for _ in range(6)} == {"new"}

    old.settle(in_flight, REFUSED, 0.0)
    assert {send(new, pool_of(new, "gpt")) for _ in range(6)} == {"new"}
    assert send(new, pool_of(new, "gpt"), now=5.0, tried=pool_of(new, "gpt").deployments[2:]) == "b"
    new.settle(deployment("gone"), OK, 0.0)


def test_requests_begun_before_a_reload_hear_of_health_after_it(deployment: Make) -> None:
    old = router([deployment("a"), deployment("b")])
    old_pool = pool_of(old, "gpt")
    new = router([deployment("a"), deployment("b")])
    new.carry_over(old)
    send(old, old_pool)
    assert send(new, pool_of(new, "gpt"), result=AUTH) == "a"
    assert {send(old, old_pool) for _ in range(4)} == {"b"}


def test_old_routers_are_not_kept_by_shared_state(deployment: Make) -> None:
    routes = router([deployment("a")])
    for _ in range(5):
        newer = router([deployment("a")])
        newer.carry_over(routes)
        routes = newer
    gc.collect()
    member = routes._by_id["a"]
    assert (
        len(member.state.watchers) == len(member.key.watchers) == len(member.host.watchers) == 3
    )  # its group, its scope, the pass-through pool


def lines_run(work: Callable[[], object]) -> int:
    """Lines of routing code executed: a cost that does not depend on the machine."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        if "/proxy/routing/" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def costs(deployment: Make, size: int, strategy: str) -> dict[str, int]:
    large = [deployment(f"a{number}") for number in range(size)]
    others = [deployment(f"b{number}", group=f"group-{number}") for number in range(size)]
    wild = [deployment(f"w{number}", group=f"family-{number}/*") for number in range(size)]
    routes = router([*large, *others, *wild], strategy)
    pool = pool_of(routes, "gpt")
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: send(routes, pool),
        "retry": lambda: send(routes, pool, tried=large[:1]),
        "pinned": lambda: send(routes, pool, scope="scope-a0"),
        "caller": lambda: send(routes, pool, caller=b"one"),
        "match": lambda: routes.match("gpt"),
        "wildcard": lambda: routes.match("family-0/gpt"),
        "unknown": lambda: routes.match("nobody"),
    }
    for way in ways.values():
        way()  # lays out turns and places the caller
    return {name: max(lines_run(way) for _ in range(size + 1)) for name, way in ways.items()}


def test_the_cost_of_a_request_does_not_grow_with_the_number_of_deployments(deployment: Make) -> None:
    small, large = costs(deployment, 3, "simple-shuffle"), costs(deployment, 300, "simple-shuffle")
    assert {name: cost for name, cost in large.items() if cost > small[name]} == {}
    assert 0 < small["plain"] < 75


def test_nor_does_that_of_two_by_chance(deployment: Make) -> None:
    assert max(costs(deployment, 300, "latency-based-routing").values()) < 120


KINDS = st.sampled_from(
    [OK, Result(ResultKind.NEUTRAL), AUTH, ERROR, REFUSED, Result(ResultKind.RATE_LIMITED, 429, 9.0)]
)
STEPS = st.lists(
    st.tuples(
        st.floats(0, 20),
        st.sampled_from(["gpt", "second"]),
        st.sampled_from([None, "red", "blue"]),
        st.sampled_from([None, b"caller"]),
        st.sets(st.integers(0, 5)),
        KINDS,
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from(sorted(STRATEGIES)))
def test_whatever_happens_picks_are_lawful(
    deployment: Make,
    steps: list[tuple[float, str, str | None, bytes | None, set[int], Result, int]],
    strategy: str,
) -> None:
    deployments = [
        deployment(
            str(number),
            group="gpt" if number < 4 else "second",
            object_scope="red" if number % 2 else "blue",
            order=number // 3,
            weight=number % 3,
            max_parallel_requests=2,
            rpm=9 if number % 2 else None,
        )
        for number in range(6)
    ]
    routes = router(deployments, strategy)
    now, open_requests = 0.0, []
    for step, model, scope, caller, tried_numbers, result, which in steps:
        now += step
        pool = pool_of(routes, model)
        tried = [deployments[number] for number in sorted(tried_numbers)]
        picked = routes.pick(pool, now, tried=tried, scope=scope, caller=caller)
        if isinstance(picked, Deployment):
            assert picked.group == model
            assert picked not in tried
            assert scope in (None, picked.object_scope)
            open_requests.append(picked)
        elif picked.reason == "tried":
            assert picked.retry_after_s == 0
            assert tried
        else:
            assert picked.reason in ("benched", "at capacity", "rate limited", "shut out")
            assert 0 < picked.retry_after_s <= 3600
        if open_requests and which < 6:
            routes.settle(open_requests.pop(which % len(open_requests)), result, now)
        counted = Counter(each.id for each in open_requests)
        for status in routes.snapshot(now):
            assert status.in_flight == counted[status.id] <= 2
    for each in open_requests:
        routes.settle(each, OK, now)
    now += 3600.0
    for pool in (pool_of(routes, "gpt"), pool_of(routes, "second")):
        assert isinstance(routes.pick(pool, now), Deployment)


@pytest.mark.parametrize("hold", [Hold.benched(100.0), Hold.draining()])
def test_what_the_operator_holds_gets_no_new_requests(deployment: Make, hold: Hold) -> None:
    routes = router([deployment("a"), deployment("b")])
    pool = pool_of(routes, "gpt")
    running = routes.pick(pool, 0.0)
    assert isinstance(running, Deployment)
    assert routes.hold("a", hold, 0.0)
    assert {send(routes, pool, now=10.0) for _ in range(4)} == {"b"}
    assert isinstance(routes.pick(pool, 10.0, scope="scope-a"), Unavailable)
    routes.settle(running, OK, 10.0)
    assert routes.snapshot(10.0)[0].reason == hold.reason
    assert {send(routes, pool, now=99.9) for _ in range(4)} == {"b"}
    assert ("a" in {send(routes, pool, now=100.0) for _ in range(4)}) == (hold.reason == "operator")


def test_the_operator_revives(deployment: Make) -> None:
    routes = router([deployment("a"), deployment("b", rpm=5)])
    pool = pool_of(routes, "gpt")
    assert send(routes, pool, result=AUTH) == "a"
    assert routes.hold("a", Hold.revived(), 0.0)
    assert routes.hold("b", Hold.draining(), 0.0)
    assert {send(routes, pool) for _ in range(4)} == {"a"}
    assert routes.hold("b", Hold.revived(), 0.0)
    assert {send(routes, pool) for _ in range(4)} == {"a", "b"}


def test_a_hold_outlives_a_reload(deployment: Make) -> None:
    old = router([deployment("a"), deployment("b")])
    old.hold("a", Hold.draining(), 0.0)
    new = router([deployment("a"), deployment("b")])
    new.carry_over(old)
    assert {send(new, pool_of(new, "gpt")) for _ in range(4)} == {"b"}
    assert not new.hold("unknown", Hold.draining(), 0.0)


def test_a_reload_brings_another_key_or_the_same(deployment: Make) -> None:
    old = router([deployment("a")])
    running = old.pick(pool_of(old, "gpt"), 0.0)
    assert isinstance(running, Deployment)
    assert send(old, pool_of(old, "gpt"), result=AUTH) == "a"
    same = router([deployment("a")])
    same.carry_over(old)
    assert send(same, pool_of(same, "gpt"), result=AUTH, now=1.0) == "a", (
        "perhaps it was put right: one request tries"
    )
    assert isinstance(same.pick(pool_of(same, "gpt"), 2.0), Unavailable)
    new = router([deployment("a", api_key=Secret("sk-better"))])
    new.carry_over(same)
    assert send(new, pool_of(new, "gpt")) == "a"
    old.settle(running, AUTH, 0.0)
    assert send(new, pool_of(new, "gpt")) == "a"
    assert new.snapshot(0.0)[0].in_flight == 0


def test_limits_follow_a_reload_and_what_was_sent_is_kept(deployment: Make) -> None:
    old = router([deployment("a", rpm=5)])
    for _ in range(3):
        send(old, pool_of(old, "gpt"))
    new = router([deployment("a", rpm=4)])
    new.carry_over(old)
    pool = pool_of(new, "gpt")
    send(new, pool)
    assert new.pick(pool, 0.0) == Unavailable(61.5, "rate limited")


def test_limits_can_be_weights_only(deployment: Make) -> None:
    routes = Router([deployment("a", rpm=1)], RouterSettings(enforce_rate_limits=False), store=MemoryStore(1))
    assert {send(routes, pool_of(routes, "gpt")) for _ in range(9)} == {"a"}


def test_what_answers_say_can_be_ignored(deployment: Make) -> None:
    routes = Router([deployment("a")], RouterSettings(learn_rate_limits=False), store=MemoryStore(1))
    pool = pool_of(routes, "gpt")
    first = routes.pick(pool, 0.0)
    assert isinstance(first, Deployment)
    routes.answered(first, 1.0, Limits(requests=0), 0.0)
    assert send(routes, pool, now=1.0) == "a"


def test_requests_sent_before_the_first_answer_count(deployment: Make) -> None:
    routes = router([deployment("a")])
    pool = pool_of(routes, "gpt")
    running = [routes.pick(pool, 0.0) for _ in range(4)]
    assert isinstance(running[0], Deployment)
    routes.answered(running[0], 1.0, Limits(requests=5, requests_reset_s=60.0), 0.0)
    assert routes.snapshot(1.0)[0].remaining_requests == 2
    assert [send(routes, pool, now=1.0) for _ in range(2)] == ["a", "a"]
    assert routes.snapshot(1.0)[0].remaining_requests == 0
    assert isinstance(routes.pick(pool, 1.0), Deployment)
    assert routes.pick(pool, 1.0) == Unavailable(1.0, "on trial")


def test_each_answer_tells_once(deployment: Make) -> None:
    """A stream's head is told when it comes; at its end, that is old news."""
    routes = router([deployment("a")])
    pool = pool_of(routes, "gpt")
    wish = Wish(tokens=10)
    first = routes.pick(pool, 0.0, wish=wish)
    assert isinstance(first, Deployment)
    routes.answered(first, 1.0, Limits(requests=3, requests_reset_s=59.0), 0.0, wish)
    for _ in range(3):
        send(routes, pool, now=2.0)
    routes.settle(first, OK, 30.0, wish)
    assert routes.snapshot(30.0)[0].remaining_requests == 0


def test_one_that_was_picked_may_have_to_rest_by_now(deployment: Make) -> None:
    routes = router([deployment("a")])
    pool = pool_of(routes, "gpt")
    picked = routes.pick(pool, 0.0)
    assert isinstance(picked, Deployment)
    assert not routes.rests(picked, 0.0)
    send(routes, pool, 0.0, AUTH)
    assert routes.rests(picked, 0.0)
    routes.hold("a", Hold.revived(), 1.0)
    assert not routes.rests(picked, 1.0)
    routes.hold("a", Hold.draining(), 1.0)
    assert routes.rests(picked, 1.0)


def test_after_a_reload_a_providers_keys_are_told_of_what_rests(
    deployment: Callable[..., Deployment],
) -> None:
    entries = [deployment(name, provider="groq") for name in "ab"]
    old, new = (Router(entries, RouterSettings(), store=MemoryStore(9)) for _ in range(2))
    new.carry_over(old)
    pool = new.provider_pool("groq")
    assert pool is not None
    first = new.pick(pool, 0.0)
    assert isinstance(first, Deployment)
    new.settle(first, Result(ResultKind.AUTH, 401), 0.0)
    assert first not in {new.pick(pool, 1.0) for _ in range(4)}
