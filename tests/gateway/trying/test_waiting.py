from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.gateway.trying.line import Share
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.routing.refusal import Unavailable
from proxy.types import Deployment
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

FULL = Unavailable(60.0, "at capacity")
RESTING = Unavailable(0.02, "benched")


class Slots:
    """What can be picked: as many deployments as are free."""

    def __init__(self, deployment: Deployment, refusal: Unavailable = FULL) -> None:
        self.deployment = deployment
        self.refusal = refusal
        self.free = 0
        self.asked = 0

    def pick(self) -> Deployment | Unavailable:
        self.asked += 1
        if not self.free:
            return self.refusal
        self.free -= 1
        return self.deployment


class Queue:
    """Waits for `slots` under numbers, and keeps who was served when."""

    def __init__(self, room: WaitingRoom, slots: Slots, nursery: trio.Nursery) -> None:
        self.room = room
        self.slots = slots
        self.served: list[int] = []
        self.gone: list[int] = []
        self.refused: list[int] = []
        self.parkings: list[Parking] = []
        self._nursery = nursery

    async def join(self, count: int, key: str = "m", caller: bytes = b"", weight: float = 1.0) -> None:
        for _ in range(count):
            self.parkings.append(Parking(Reactor()))
            share = Share(caller, weight, caller)
            self._nursery.start_soon(self._wait, len(self.parkings) - 1, key, share)
            await wait_all_tasks_blocked()

    async def _wait(self, number: int, key: str, share: Share) -> None:
        try:
            found = await self.room.turn(key, self.parkings[number], self.slots.pick, FULL, share=share)
        except ClientGone:
            self.gone.append(number)
        else:
            assert found in (self.slots.deployment, FULL)
            (self.refused if found is FULL else self.served).append(number)

    async def free(self, count: int = 1) -> None:
        self.slots.free += count
        self.room.call_next()
        await wait_all_tasks_blocked()


@pytest.fixture
def slots(a_deployment: Callable[..., Deployment]) -> Slots:
    return Slots(a_deployment())


@pytest.fixture
def queue(slots: Slots, nursery: trio.Nursery) -> Queue:
    return Queue(WaitingRoom(9, 60.0), slots, nursery)


async def test_what_is_free_is_had_at_once(slots: Slots) -> None:
    room = WaitingRoom(1, 60.0)
    slots.free = 1
    with trio.fail_after(5):
        assert await room.turn("m", Parking(Reactor()), slots.pick, FULL) is slots.deployment
    assert (len(room), room.queues) == (0, {})


async def test_first_come_first_served(queue: Queue) -> None:
    await queue.join(3)
    for served in ([0], [0, 1], [0, 1, 2]):
        await queue.free()
        assert queue.served == served
    assert queue.room.queues == {}


async def test_two_slots_at_once_serve_two(queue: Queue) -> None:
    await queue.join(3)
    await queue.free(2)
    assert (queue.served, len(queue.room)) == ([0, 1], 1)
    await queue.free()


async def test_only_the_first_asks(queue: Queue) -> None:
    await queue.join(3)
    assert queue.slots.asked == 1
    await queue.free(0)
    assert queue.slots.asked == 2
    await queue.free(3)
    assert queue.served == [0, 1, 2]


async def test_every_queue_has_a_first(queue: Queue) -> None:
    await queue.join(2, "a")
    await queue.join(1, "b")
    assert len(queue.room) == 3
    await queue.free(2)
    assert sorted(queue.served) == [0, 2]
    await queue.free()
    assert queue.served[2:] == [1]


@pytest.mark.parametrize(("limit", "timeout_s"), [(0, 60.0), (9, 0.0)])
async def test_a_room_that_lets_nobody_wait(slots: Slots, limit: int, timeout_s: float) -> None:
    room = WaitingRoom(limit, timeout_s)
    with trio.fail_after(5):
        assert await room.turn("m", Parking(Reactor()), slots.pick, FULL) is FULL
    assert (slots.asked, room.queues) == (0, {})


async def test_nobody_waits_beyond_the_requests_own_end(slots: Slots) -> None:
    room = WaitingRoom(9, 60.0)
    with trio.fail_after(5):
        found = await room.turn("m", Parking(Reactor()), slots.pick, RESTING, until=time.monotonic())
    assert (found, slots.asked, room.queues) == (FULL, 1, {})


async def test_the_limit_is_for_all_queues_together(slots: Slots, nursery: trio.Nursery) -> None:
    queue = Queue(WaitingRoom(2, 60.0), slots, nursery)
    await queue.join(1, "a")
    await queue.join(1, "b")
    with trio.fail_after(5):
        assert await queue.room.turn("c", Parking(Reactor()), slots.pick, RESTING) is RESTING
    assert len(queue.room) == 2
    await queue.free(2)
    assert sorted(queue.served) == [0, 1]


async def test_at_the_time_limit_the_latest_refusal(slots: Slots) -> None:
    room = WaitingRoom(1, 0.05)
    slots.refusal = RESTING
    before = time.monotonic()
    with trio.fail_after(5):
        assert await room.turn("m", Parking(Reactor()), slots.pick, FULL) is RESTING
    assert time.monotonic() - before >= 0.05
    assert (len(room), room.queues) == (0, {})


async def test_who_is_not_first_waits_no_longer(slots: Slots, nursery: trio.Nursery) -> None:
    queue = Queue(WaitingRoom(9, 60.0), slots, nursery)
    await queue.join(1)
    queue.room._timeout_s = 0.05
    with trio.fail_after(5):
        assert await queue.room.turn("m", Parking(Reactor()), slots.pick, RESTING) is RESTING
    assert (slots.asked, len(queue.room)) == (1, 1)
    await queue.free()


async def test_a_rest_that_ends_needs_no_call(slots: Slots) -> None:
    slots.refusal = RESTING

    def pick() -> Any:
        slots.free = int(slots.asked > 0)
        return slots.pick()

    with trio.fail_after(5):
        found = await WaitingRoom(1, 60.0).turn("m", Parking(Reactor()), pick, FULL)
    assert (found, slots.asked) == (slots.deployment, 2)


@pytest.mark.parametrize(("leaver", "served"), [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])])
async def test_a_client_that_leaves_frees_its_place(queue: Queue, leaver: int, served: list[int]) -> None:
    await queue.join(3)
    queue.parkings[leaver].leave()
    await wait_all_tasks_blocked()
    assert (queue.gone, len(queue.room)) == ([leaver], 2)
    await queue.free()
    await queue.free()
    assert (queue.served, queue.room.queues) == (served, {})


async def test_when_the_first_leaves_the_second_asks(queue: Queue) -> None:
    await queue.join(2)
    queue.slots.free = 1
    queue.parkings[0].leave()
    await wait_all_tasks_blocked()
    assert (queue.gone, queue.served) == ([0], [1])


async def test_called_and_left_at_once_takes_no_slot(queue: Queue) -> None:
    await queue.join(1)
    queue.slots.free = 1
    queue.room.call_next()
    queue.parkings[0].leave()
    await wait_all_tasks_blocked()
    assert (queue.gone, queue.slots.free, queue.room.queues) == ([0], 1, {})


async def test_a_cancelled_wait_frees_its_place(slots: Slots) -> None:
    room = WaitingRoom(1, 60.0)
    with trio.move_on_after(0.01) as scope:
        await room.turn("m", Parking(Reactor()), slots.pick, FULL)
    assert scope.cancelled_caught
    assert room.queues == {}


async def test_callers_take_turns(queue: Queue) -> None:
    """A flood of one caller's is not in the way of another's one request."""
    await queue.join(5, caller=b"flood")
    await queue.join(1, caller=b"one")
    await queue.join(1, caller=b"another")
    for served in ([0], [0, 5], [0, 5, 6], [0, 5, 6, 1]):
        await queue.free()
        assert queue.served == served
    await queue.free(3)
    assert queue.served == [0, 5, 6, 1, 2, 3, 4]


async def test_in_a_full_room_who_has_the_most_gives_up_a_place(queue: Queue) -> None:
    await queue.join(8, "a", caller=b"flood")
    await queue.join(1, "b", caller=b"one")
    await queue.join(1, "b", caller=b"one")
    assert (queue.refused, len(queue.room)) == ([7], 9)
    await queue.join(2, "a", caller=b"flood")
    assert (queue.refused, len(queue.room)) == ([7, 10, 11], 9)
    await queue.free(9)
    assert (sorted(queue.served), queue.room.queues) == ([0, 1, 2, 3, 4, 5, 6, 8, 9], {})


async def test_between_equals_nobody_gives_up_a_place(slots: Slots, nursery: trio.Nursery) -> None:
    queue = Queue(WaitingRoom(2, 60.0), slots, nursery)
    for caller in (b"a", b"b", b"c", b"a"):
        await queue.join(1, caller=caller)
    assert (queue.refused, len(queue.room)) == ([2, 3], 2)
    await queue.free(2)


@pytest.mark.parametrize(
    ("limit", "refusal", "insists"),
    [
        (9, Unavailable(0.01, "on trial"), True),
        (0, Unavailable(0.01, "on trial"), True),
        (0, Unavailable(0.0, "queued"), True),
        (0, FULL, False),
        (0, RESTING, False),
    ],
)
async def test_what_is_foretold_refuses_nobody(
    slots: Slots, limit: int, refusal: Unavailable, insists: bool
) -> None:
    """No trial has come to an end in all the time: whoever waited for it goes, too."""
    times = iter(range(0, 1000, 2))
    room = WaitingRoom(limit, 0.0, clock=lambda: float(next(times)))
    slots.refusal = refusal
    with trio.fail_after(5):
        found = await room.turn("m", Parking(Reactor()), slots.pick, refusal, insist=lambda: slots.deployment)
    assert found is (slots.deployment if insists else refusal)


async def test_of_lines_that_wait_for_the_same_who_had_no_turn_for_longest_goes_first(queue: Queue) -> None:
    """A crowd that waits in several lines has no more turns than one."""
    for key in ("a", "b", "c"):
        await queue.join(2, key, b"crowd")
    await queue.free()
    await queue.join(1, "d", b"modest")
    await queue.join(1, "e", b"other")
    for _ in range(2):
        await queue.free()
    assert {6, 7} <= set(queue.served), "both have had theirs by the second slot"
    await queue.free(5)
    assert sorted(queue.served) == list(range(8))
    assert queue.room.queues == {}


async def test_lines_of_one_caller_have_turns_so_that_nobody_waits_behind_all_of_them(queue: Queue) -> None:
    await queue.join(4, "a", b"crowd")
    await queue.join(4, "b", b"crowd")
    await queue.join(1, "b", b"modest")
    for _ in range(4):
        await queue.free()
    assert 8 in queue.served
    await queue.free(5)
    assert sorted(queue.served) == list(range(9))


async def test_a_first_that_leaves_stands_in_no_lines_way(queue: Queue) -> None:
    await queue.join(1, "a", b"1")
    await queue.join(1, "b", b"2")
    queue.parkings[0].leave()
    await wait_all_tasks_blocked()
    await queue.free()
    assert (queue.gone, queue.served) == ([0], [1])
