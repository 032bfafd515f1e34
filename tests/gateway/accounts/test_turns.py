"""Lines for limits: nobody's flood delays another, and who is first is told when there is room."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.gateway.accounts.turns import LOOK_S, Turns
from proxy.gateway.trying.line import Share
from proxy.limits.ledger import Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Refused, Rule, Seen
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

TEAM = Rule(subject("team", "t"), "team", parallel=1)
KEY = Rule(subject("key", "a"), "key", rpm=1)
RESERVED = Reservation((), Demand(), Seen(0, 0, 0))


class Room:
    """A limit that lets so many in, and the lines before it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.free = 0
        self.went: list[str] = []
        self.asked = 0
        self.wait_s: float | None = None

    def asks(self, name: str, rule: Rule = TEAM) -> Callable[[], Awaitable[Reservation | Refused]]:
        async def ask() -> Reservation | Refused:
            self.asked += 1
            if self.free <= 0:
                return Refused(rule, "parallel", 1, 1, self.wait_s)
            self.free -= 1
            self.went.append(name)
            return RESERVED

        return ask

    async def wait(self, name: str, priority: int = 0, rule: Rule = TEAM) -> None:
        found = await self.turns.wait(
            TEAM.subject, self.asks(name, rule), Parking(Reactor()), 1e9, Share(name[:1].encode()), priority
        )
        if isinstance(found, Refused):
            self.went.append(f"{name} not")

    async def let(self, count: int) -> None:
        for _ in range(count):
            self.free += 1
            self.turns.call_next()
            await wait_all_tasks_blocked()


@pytest.fixture
def room() -> Room:
    return Room(Turns(100, 60.0, time.monotonic))


async def queued(room: Room, nursery: trio.Nursery, *names: str) -> None:
    for name in names:
        nursery.start_soon(room.wait, name)
        await wait_all_tasks_blocked()


async def test_keys_in_turn_whoever_sends_a_flood(room: Room) -> None:
    async with trio.open_nursery() as nursery:
        await queued(room, nursery, "a1", "a2", "a3", "a4", "b1", "b2", "c1")
        await room.let(7)
    assert room.went == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_a_priority_gives_way_and_goes_before_nobody_who_has_none(room: Room) -> None:
    async with trio.open_nursery() as nursery:
        for name, priority in (("a1", 5), ("b1", 0), ("a2", 0), ("c1", 5), ("c2", 1)):
            nursery.start_soon(room.wait, name, priority)
            await wait_all_tasks_blocked()
        await room.let(5)
    assert room.went == ["b1", "a2", "c2", "a1", "c1"]


async def test_who_waits_for_a_limit_of_its_own_stands_in_nobodys_way(room: Room) -> None:
    """The team's line is no place for whom its own key refuses."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(room.wait, "a1", 0, KEY)
        await wait_all_tasks_blocked()
        assert set(room.turns.queues) == {KEY.subject}
        await queued(room, nursery, "b1")
        assert set(room.turns.queues) == {KEY.subject, TEAM.subject}
        nursery.cancel_scope.cancel()
    assert len(room.turns) == 0
    assert not room.turns.queues


async def test_it_ends_with_the_refusal(room: Room) -> None:
    room.turns.configure(100, 0.05)
    async with trio.open_nursery() as nursery:
        await queued(room, nursery, "a1", "b1")
    assert sorted(room.went) == ["a1 not", "b1 not"]


async def test_the_first_looks_again_for_what_others_give_back(room: Room) -> None:
    """Another worker's request has ended, which nobody tells."""
    async with trio.open_nursery() as nursery:
        await queued(room, nursery, "a1", "b1")
        asked = room.asked
        with trio.fail_after(10):
            while room.asked < asked + 2:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(LOOK_S / 5)
        room.free = 2
    assert room.went == ["a1", "b1"]


async def test_a_full_room_is_shared(room: Room) -> None:
    room.turns.configure(3, 60.0)
    async with trio.open_nursery() as nursery:
        await queued(room, nursery, "a1", "a2", "a3", "b1", "a4")
        assert room.went == ["a3 not", "a4 not"], "who has the most makes room, and gets none itself"
        await room.let(3)
    assert room.went[2:] == ["a1", "b1", "a2"]


async def test_without_a_time_nobody_waits(room: Room) -> None:
    room.turns.configure(3, 0.0)
    await room.wait("a1")
    assert room.went == ["a1 not"]


async def test_in_a_full_room_a_heavier_one_has_more_places(room: Room) -> None:
    """Of 6 places, who has twice the weight gets up to 4."""
    room.turns.configure(6, 60.0)
    async with trio.open_nursery() as nursery:
        for name, weight in (*(("a", 1.0),) * 6, *(("b", 2.0),) * 6):
            share = Share(name.encode(), weight)
            nursery.start_soon(
                room.turns.wait, TEAM.subject, room.asks(name), Parking(Reactor()), 1e9, share, 0
            )
            await wait_all_tasks_blocked()
        places = {caller: len(held.places) for caller, held in room.turns._held.items()}
        assert places == {b"a": 2, b"b": 4}
        nursery.cancel_scope.cancel()
