"""Names are looked up once per host at a time, and nobody waits for another's dead zone."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.upstream.resolving import AGAIN_S, MAX_HOSTS, MAX_LOOKUPS, Resolver

FRESH_S, STALE_S = 30.0, 600.0
V4, TCP = socket.AF_INET, socket.SOCK_STREAM


class Zones:
    """Name servers of which some are silent until released, and some know nothing."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: Counter[str] = Counter()
        self.silent: dict[str, threading.Event] = {}
        self.failing: set[str] = set()
        self.address = "192.0.2.1"
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        self.resolver = Resolver(FRESH_S, STALE_S, self.look_up, lambda: self.now)

    def look_up(self, host: bytes, port: None, family: int, kind: int, proto: int, flags: int) -> list:
        name = host.decode()
        with self._lock:
            self.asked[name] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if name in self.silent:
                assert self.silent[name].wait(20)
            if name in self.failing:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [(V4, TCP, 6, "", (self.address, 0))]
        finally:
            with self._lock:
                self.at_once -= 1

    def be_silent(self, *names: str) -> None:
        for name in names:
            self.silent[name] = threading.Event()

    def release(self) -> None:
        for event in self.silent.values():
            event.set()

    async def of(self, name: str, port: int = 443) -> tuple[str, int]:
        with trio.fail_after(5):
            (found,) = await trio.socket.getaddrinfo(name, port, type=TCP)
        return found[4]


@pytest.fixture
async def zones() -> AsyncIterator[Zones]:
    made = Zones()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.resolver.run)
        await wait_all_tasks_blocked()
        yield made
        made.release()
        nursery.cancel_scope.cancel()


async def test_a_name_is_looked_up_once_while_it_is_fresh(zones: Zones) -> None:
    assert [await zones.of("a.test", port) for port in (443, 443, 80)] == [
        ("192.0.2.1", 443), ("192.0.2.1", 443), ("192.0.2.1", 80)
    ]  # fmt: skip
    assert zones.asked["a.test"] == 1


async def test_addresses_need_no_look_up(zones: Zones) -> None:
    assert await zones.of("192.0.2.7") == ("192.0.2.7", 443)
    assert not zones.asked


async def test_a_dead_zone_costs_only_itself(zones: Zones, nursery: trio.Nursery) -> None:
    """A hundred connections want one dead host: one thread waits for it, and every other host is found."""
    zones.be_silent("dead.test")
    for _ in range(100):
        nursery.start_soon(zones.resolver.getaddrinfo, b"dead.test", 443, 0, TCP)
    await wait_all_tasks_blocked(0.01)
    for number in range(50):
        assert await zones.of(f"well-{number}.test")
    assert zones.asked["dead.test"] == 1
    zones.release()


async def test_who_gives_up_leaves_the_look_up_to_the_next(zones: Zones) -> None:
    """The system's thread cannot be told to stop: a second one for the same host would be lost as well."""
    zones.be_silent("dead.test")
    for _ in range(5):
        with trio.move_on_after(0.01):
            await trio.socket.getaddrinfo("dead.test", 443, type=TCP)
    assert zones.asked["dead.test"] == 1
    zones.release()
    assert await zones.of("dead.test") == ("192.0.2.1", 443)
    assert zones.asked["dead.test"] == 1


async def test_look_ups_at_once_are_bounded(zones: Zones, nursery: trio.Nursery) -> None:
    names = [f"dead-{number}.test" for number in range(MAX_LOOKUPS + 10)]
    zones.be_silent(*names)
    for name in names:
        nursery.start_soon(zones.resolver.getaddrinfo, name.encode(), 443, 0, TCP)
    with trio.fail_after(5):
        while zones.at_once < MAX_LOOKUPS:  # noqa: ASYNC110 - threads tell nobody
            await trio.sleep(0.01)
    await wait_all_tasks_blocked(0.01)
    assert zones.most_at_once == MAX_LOOKUPS
    zones.release()
    for name in names:
        await zones.of(name)
    assert zones.most_at_once == MAX_LOOKUPS


async def test_old_addresses_go_on_while_new_ones_are_asked_for(zones: Zones) -> None:
    await zones.of("a.test")
    zones.now += FRESH_S
    zones.address = "192.0.2.2"
    zones.be_silent("a.test")
    assert [await zones.of("a.test") for _ in range(9)] == [("192.0.2.1", 443)] * 9
    zones.release()
    with trio.fail_after(5):
        while (await zones.of("a.test"))[0] != "192.0.2.2":  # noqa: ASYNC110 - threads tell nobody
            await trio.sleep(0.01)
    assert zones.asked["a.test"] == 2


async def test_a_look_up_that_fails_changes_nothing_for_a_while(zones: Zones) -> None:
    await zones.of("a.test")
    zones.failing.add("a.test")
    zones.now += FRESH_S
    for _ in range(9):
        assert await zones.of("a.test") == ("192.0.2.1", 443)
        await wait_all_tasks_blocked(0.01)
    assert zones.asked["a.test"] == 2, "nor is it asked again at once"
    zones.now += AGAIN_S
    await zones.of("a.test")
    await wait_all_tasks_blocked(0.01)
    assert zones.asked["a.test"] == 3


async def test_addresses_do_not_outlive_their_time(zones: Zones) -> None:
    await zones.of("a.test")
    zones.failing.add("a.test")
    zones.now += FRESH_S + STALE_S
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await zones.of("a.test")
    zones.failing.clear()
    assert await zones.of("a.test") == ("192.0.2.1", 443)


async def test_an_unknown_name_is_an_error_each_time(zones: Zones) -> None:
    zones.failing.add("nowhere.test")
    for count in (1, 2):
        with pytest.raises(socket.gaierror):
            await zones.of("nowhere.test")
        assert zones.asked["nowhere.test"] == count


async def test_hosts_are_remembered_within_bounds(zones: Zones) -> None:
    for number in range(MAX_HOSTS + 1):
        zones.resolver._known((b"%d.test" % number, 0, 0, 0, 0))
    assert len(zones.resolver._hosts) == 1


async def test_a_reload_says_how_long(zones: Zones) -> None:
    await zones.of("a.test")
    zones.resolver.configure(0.0, 0.0)
    await zones.of("a.test")
    assert zones.asked["a.test"] == 2


async def test_trio_has_its_own_resolver_back_afterwards() -> None:
    made = Zones()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.resolver.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert trio.socket.set_custom_hostname_resolver(None) is None


async def test_who_asks_before_it_runs_waits_for_it(nursery: trio.Nursery) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
    resolver = Resolver(FRESH_S, STALE_S, lambda *_what: found)
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await resolver.look_up("upstream.test", 443))

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    assert resolver.at_hand("upstream.test", 443) is None
    nursery.start_soon(resolver.run)
    with trio.fail_after(5):
        while not answers:  # noqa: ASYNC110 - a thread tells
            await trio.sleep(0.001)
    assert answers == [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]]
    assert resolver.at_hand("upstream.test", 80) == [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))
    ]
