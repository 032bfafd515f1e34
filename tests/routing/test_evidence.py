"""Who is to blame for failures: the key's model, or who asked. Pure stories of one key among others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.evidence import MEANWHILE_S, QUIET_S
from proxy.routing.router import Cause, Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Result, ResultKind

OK = Result(ResultKind.OK, 200)
CRASH = Result(ResultKind.SERVER_ERROR, 500)
SOFT = [CRASH, Result(ResultKind.TIMEOUT), Result(ResultKind.BROKEN)]
Make = Callable[..., Deployment]


class Story:
    """Requests that are tried on one key after the other until one answers well."""

    def __init__(self, make: Make, keys: int = 3) -> None:
        self.router = Router([make(f"k{n}") for n in range(keys)], RouterSettings(), store=MemoryStore(1))
        match = self.router.match("gpt")
        assert match is not None
        self.pool = match.pool
        self.now = 100.0
        self.dead: set[str] = set()
        self.failure = CRASH
        self.attempts = 0
        self._bodies = 0

    def ask(
        self, caller: bytes = b"us", body: bytes | None = None, *, poison: bool = False, tries: int = 2
    ) -> bool:
        """Whether it was answered well. `body` None: one of its own."""
        self._bodies += 1
        wish = Wish("chat", caller=caller)
        cause = Cause("call", caller, body if body is not None else b"%d" % self._bodies)
        tried: list[Deployment] = []
        for _ in range(tries):
            picked = self.router.pick(self.pool, self.now, tried, wish=wish)
            if isinstance(picked, Unavailable):
                return False
            self.attempts += 1
            tried.append(picked)
            if not poison and picked.id not in self.dead:
                self.router.settle(picked, OK, self.now, wish)
                self.router.cleared(picked, cause, self.now)
                return True
            self.router.settle(picked, self.failure, self.now, wish, cause)
        return False

    def resting(self) -> set[str]:
        return {each.id for each in self.router.snapshot(self.now) if each.reason == "failing"}


@pytest.fixture
def story(deployment: Make) -> Callable[..., Story]:
    def make(**how: int) -> Story:
        return Story(deployment, **how)

    return make


@pytest.mark.parametrize("failure", SOFT, ids=lambda failure: failure.kind.value)
def test_a_dead_key_is_left_after_three_requests(story: Callable[..., Story], failure: Result) -> None:
    s = story()
    s.dead, s.failure = {"k1"}, failure
    assert all(s.ask() for _ in range(30))
    assert s.resting() == {"k1"}
    assert s.attempts == 30 + 3


def test_so_is_one_that_was_well_until_now(story: Callable[..., Story]) -> None:
    s = story()
    assert all(s.ask(b"%d" % (number % 5)) for number in range(30))
    s.dead = {"k1"}
    before = s.attempts
    assert all(s.ask(b"%d" % (number % 5)) for number in range(30))
    assert s.resting() == {"k1"}
    assert s.attempts - before == 30 + 3


def test_one_caller_is_enough_where_there_is_no_other(story: Callable[..., Story]) -> None:
    s = story()
    assert all(s.ask() for _ in range(30))
    s.dead = {"k1"}
    assert all(s.ask() for _ in range(30))
    assert s.resting() == {"k1"}


def test_one_body_is_enough_after_two_seconds(story: Callable[..., Story]) -> None:
    """A load test, or a health check, asks the same thing all the time."""
    s = story()
    assert all(s.ask(body=b"same") for _ in range(30))
    s.dead = {"k1"}
    began = s.now
    while not s.resting():
        assert s.ask(body=b"same")
        s.now += 0.1
    assert s.now - began <= MEANWHILE_S + 0.2


def test_a_lone_dead_key_is_known_to_fail_and_asked_all_the_same(story: Callable[..., Story]) -> None:
    s = story(keys=1)
    s.dead = {"k0"}
    assert not any(s.ask() for _ in range(5))
    assert s.resting() == {"k0"}
    assert s.attempts == 5


HOSTS = {
    "one body": lambda n: (b"hostile", b"poison"),
    "a body each time": lambda n: (b"hostile", b"poison %d" % n),
    "many callers, one body": lambda n: (b"hostile %d" % n, b"poison"),
    "many callers, a body each": lambda n: (b"hostile %d" % n, b"poison %d" % n),
    "the same caller as everybody": lambda n: (b"us", b"poison %d" % n),
}


@pytest.mark.parametrize("who", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("per_second", [1, 20, 200])
def test_poison_benches_nothing_while_others_are_served(
    story: Callable[..., Story], who: Callable[[int], tuple[bytes, bytes]], per_second: int
) -> None:
    s = story()
    for number in range(60 * per_second):
        caller, body = who(number)
        assert not s.ask(caller, body, poison=True)
        if number % per_second == 0:
            assert all(s.ask() for _ in range(3))
            assert s.resting() == set()
        s.now += 1 / per_second


@pytest.mark.parametrize("at_once", [3, 50])
def test_nor_does_poison_that_comes_all_at_once(story: Callable[..., Story], at_once: int) -> None:
    """Nothing is known of any of these when the others fail."""
    s = story()
    assert all(s.ask() for _ in range(9))
    wish = Wish("chat", caller=b"hostile")
    started = [
        (s.router.pick(s.pool, s.now, wish=wish), Cause("x", b"hostile", b"%d" % n)) for n in range(at_once)
    ]
    for picked, cause in started:
        assert isinstance(picked, Deployment)
        s.router.settle(picked, CRASH, s.now, wish, cause)
    assert s.resting() == set()


@pytest.mark.parametrize("flood", [0, 6, 60])
def test_nobodys_flood_of_poison_hides_a_dead_key(story: Callable[..., Story], flood: int) -> None:
    s = story()
    assert all(s.ask(b"%d" % (number % 5)) for number in range(30))
    s.dead = {"k1"}
    asked = 0
    while not s.resting():
        for _ in range(flood):
            s.ask(b"hostile", poison=True)
        asked += 1
        assert s.ask(b"%d" % (asked % 5))
        s.now += 0.05
    assert s.resting() == {"k1"}
    assert asked <= 8


def test_one_whom_a_key_cannot_serve_does_not_take_it_from_others(story: Callable[..., Story]) -> None:
    """What crashes there is answered well elsewhere: a feature that one server lacks."""
    s = story()
    for number in range(300):
        assert all(s.ask(b"somebody") for _ in range(3))
        s.dead = {"k1"}
        assert s.ask(b"hostile", b"special %d" % number)
        s.dead = set()
        s.now += 0.1
        assert s.resting() == set()


def test_what_failed_alike_counts_where_nothing_succeeds_for_long(story: Callable[..., Story]) -> None:
    """All keys are dead: that is no poison, and shows."""
    s = story()
    assert all(s.ask() for _ in range(9))
    s.dead = {"k0", "k1", "k2"}
    for _ in range(40):
        s.ask()
        s.now += 1.0
        if s.now < 100 + QUIET_S:
            assert s.resting() == set()
    assert s.resting() == {"k0", "k1", "k2"}


def test_a_high_failure_rate_benches_without_a_row(story: Callable[..., Story]) -> None:
    s = story()
    for number in range(60):
        s.dead = set() if number % 9 == 0 else {"k1"}
        s.ask(b"%d" % number)
        s.now += 0.01
    assert s.resting() == {"k1"}
