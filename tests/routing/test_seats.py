"""Conversations stay with their project, whose prompt cache they pay less for. Nobody gets more than its share and a
quarter."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.routing.seats import LIMIT, LOAD, PLACES, SPARE, Seats, shares_of
from proxy.types import Deployment, Result, ResultKind

GOOD = Result(ResultKind.OK, 200)
LIMITED = Result(ResultKind.RATE_LIMITED, 429, retry_after_s=60.0)
Make = Callable[..., Deployment]


def router_of(deployments: Sequence[Deployment]) -> Router:
    return Router(deployments, RouterSettings(), store=MemoryStore(9))


def pick(router: Router, session: bytes | None, now: float = 0.0) -> Deployment:
    match = router.match("gpt")
    assert match is not None
    picked = router.pick(match.pool, now, session=session)
    assert isinstance(picked, Deployment), picked
    return picked


def ask(router: Router, session: bytes | None, now: float = 0.0) -> str:
    """One request that is over at once."""
    picked = pick(router, session, now)
    router.settle(picked, GOOD, now)
    return picked.id


SESSIONS = [f"session {number}".encode() for number in range(400)]
FEW = SESSIONS[:100]
"""Who overload nobody."""


def test_a_conversation_stays_in_every_process(deployment: Make) -> None:
    one, another = (router_of([deployment(name) for name in "abcd"]) for _ in range(2))
    for session in FEW:
        assert {ask(one, session) for _ in range(2)} == {ask(another, session)}


def test_shares_follow_the_weights(deployment: Make) -> None:
    router = router_of([deployment("a", weight=3), deployment("b"), deployment("c", order=1)])
    found = Counter(ask(router, session) for session in SESSIONS)
    assert set(found) == {"a", "b"}, "the next tier is for when nobody else is left"
    assert 2.2 < found["a"] / found["b"] < 4.0


def test_keys_of_one_project_count_as_one_place(deployment: Make) -> None:
    router = router_of(
        [deployment("a1", object_scope="a"), deployment("a2", object_scope="a"), deployment("b")]
    )
    homes = {session: {ask(router, session)[0] for _ in range(2)} for session in FEW}
    assert all(len(home) == 1 for home in homes.values())
    at_a = [session for session in FEW if homes[session] == {"a"}]
    assert {ask(router, at_a[0]) for _ in range(2)} == {"a1", "a2"}, "they take turns within it"


def test_what_leaves_moves_only_its_own(deployment: Make) -> None:
    router = router_of([deployment(name) for name in "abcd"])
    before = {session: ask(router, session) for session in FEW}
    gone = pick(router, next(session for session in FEW if before[session] == "a"))
    assert gone.id == "a"
    router.settle(gone, LIMITED, 0.0)
    during = {session: ask(router, session, 1.0) for session in FEW}
    assert all(during[session] == before[session] for session in FEW if before[session] != "a")
    moved = Counter(during[session] for session in FEW if before[session] == "a")
    assert set(moved) == {"b", "c", "d"}, "and they are shared out"
    after = {session: ask(router, session, 100.0) for session in FEW}
    assert after == during, "their prompts are cached where they went meanwhile"


def test_nobody_has_more_than_a_share_and_a_quarter(deployment: Make) -> None:
    router = router_of([deployment(name) for name in "abcd"])
    one = next(session for session in SESSIONS)
    under_way = Counter(pick(router, one, at / 1000).id for at in range(400))
    assert max(under_way.values()) <= max(SPARE, LOAD * 400 / 4)
    assert len(under_way) == 4


def test_without_a_name_everybody_takes_turns(deployment: Make) -> None:
    router = router_of([deployment(name) for name in "abcd"])
    assert Counter(ask(router, None) for _ in range(400)) == dict.fromkeys("abcd", 100)


def test_one_project_alone_has_nothing_to_choose(deployment: Make) -> None:
    router = router_of([deployment("a", object_scope="a"), deployment("b", object_scope="a")])
    assert Counter(ask(router, SESSIONS[0]) for _ in range(10)) == {"a": 5, "b": 5}


def test_when_its_places_are_full_it_takes_turns(deployment: Make) -> None:
    names = [f"key {number}" for number in range(PLACES + 2)]
    router = router_of([deployment(name, max_parallel_requests=1) for name in names])
    assert len({pick(router, SESSIONS[0]).id for _ in names}) == len(names)


class Caches:
    """What projects' prompt caches hold: of each conversation, as much as was sent there within their lifetime."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], tuple[int, float]] = {}
        self.prompt = self.cached = 0

    @property
    def share(self) -> float:
        return self.cached / self.prompt

    def ask(self, scope: str, agent: int, tokens: int, now: float) -> None:
        held, until = self._held.get((scope, agent), (0, 0.0))
        self.prompt += tokens
        self.cached += held if now < until else 0
        self._held[scope, agent] = tokens, now + 300.0


THINKS_S = (120.0, 280.0)
"""Between an answer and the next turn: tools run, people read."""


def agents(
    router: Router, *, named: bool, seed: int, limits: bool, turns: int = 20, count: int = 300
) -> Caches:
    """Agents that go on for some turns, each with a longer prompt; their requests overlap. `limits`: now and then a
    key is over its limit for a minute."""
    chance = random.Random(seed)
    caches = Caches()
    calendar = [(chance.uniform(0, 600), agent, 0) for agent in range(count)]
    under_way: list[tuple[float, Deployment]] = []
    while calendar:
        calendar.sort(reverse=True)
        now, agent, turn = calendar.pop()
        for ends, picked in [each for each in under_way if each[0] <= now]:
            router.settle(picked, GOOD, ends)
        under_way = [each for each in under_way if each[0] > now]
        picked = pick(router, b"agent %d" % agent if named else None, now)
        took_s = chance.uniform(1, 8)
        if limits and chance.random() < 0.001:
            router.settle(picked, LIMITED, now)
            calendar.append((now + 0.1, agent, turn))
            continue
        caches.ask(picked.object_scope, agent, 2000 + 800 * turn, now)
        under_way.append((now + took_s, picked))
        if turn + 1 < turns:
            calendar.append((now + took_s + chance.uniform(*THINKS_S), agent, turn + 1))
    return caches


@pytest.mark.parametrize("seed", range(3))
def test_nearly_all_of_a_single_keys_cache_is_kept(deployment: Make, seed: int) -> None:
    four = [deployment(name) for name in "abcd"]
    alone = agents(router_of([deployment("a")]), named=True, seed=seed, limits=False)
    kept = agents(router_of(four), named=True, seed=seed, limits=False)
    in_turn = agents(router_of(four), named=False, seed=seed, limits=False)
    assert kept.share >= 0.95 * alone.share, (kept.share, alone.share)
    assert in_turn.share < 0.3 * alone.share, (in_turn.share, alone.share)


@pytest.mark.parametrize("seed", range(3))
def test_keys_that_rest_now_and_then_cost_little_of_it(deployment: Make, seed: int) -> None:
    """Each minute that a key rests, a quarter of the conversations move, once, and stay where they went."""
    alone = agents(router_of([deployment("a")]), named=True, seed=seed, limits=False)
    kept = agents(router_of([deployment(name) for name in "abcd"]), named=True, seed=seed, limits=True)
    assert kept.share >= 0.85 * alone.share, (kept.share, alone.share)


def test_shares_stay_even_while_they_do(deployment: Make) -> None:
    taken: defaultdict[str, int] = defaultdict(int)
    router = router_of([deployment(name) for name in "abcd"])
    for session in SESSIONS:
        for _ in range(10):
            taken[ask(router, session)] += 1
    assert max(taken.values()) <= LOAD * sum(taken.values()) / 4


def test_conversations_are_remembered_up_to_a_limit() -> None:
    seats, shares = Seats(), shares_of({"a": 1, "b": 1})
    for number in range(LIMIT + 10):
        seats.first(b"%d" % number, shares, 0.0)
    assert len(seats._places) == LIMIT


def test_a_count_of_years_is_still_a_count() -> None:
    seats, only_a, both = Seats(), {"a": LOAD}, shares_of({"a": 1, "b": 1})
    session = next(each for each in SESSIONS if Seats().first(each, both, 0.0) == "a")
    for now in (0.0, 1e4, 1e6, 1e8):
        for _ in range(100):
            assert seats.first(session, only_a, now) == "a"
        assert seats.first(session, both, now) == "b", "a has more than its share"
