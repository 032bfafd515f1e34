from __future__ import annotations

import math
import select
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.wire.deadlines import TICK_S
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor


async def parked(parking: Parking, log: list[str], deadline: float = math.inf) -> None:
    try:
        await parking.park(deadline)
        log.append("woken")
    except Late:
        log.append("late")


async def test_wake_resumes_the_parked_task_once(bench, nursery) -> None:
    parking, log = bench.parking(), []
    nursery.start_soon(parked, parking, log)
    await wait_all_tasks_blocked()
    parking.wake()
    parking.wake()
    assert bench.reactor.woken == 1
    await wait_all_tasks_blocked()
    assert (log, bench.reactor.woken) == (["woken"], 0)


async def test_wake_of_nobody_is_nothing(bench) -> None:
    bench.parking().wake()
    assert bench.reactor.woken == 0


async def test_a_cancelled_park_leaves_no_one_to_wake(bench) -> None:
    parking = bench.parking()
    with trio.move_on_after(0) as scope:
        await parking.park()
    assert scope.cancelled_caught
    parking.wake()
    assert bench.reactor.woken == 0


async def test_woken_and_cancelled_at_once_is_counted_once(bench, nursery) -> None:
    parking, log, scope = bench.parking(), [], trio.CancelScope()

    async def task() -> None:
        with scope:
            await parked(parking, log)
            await trio.lowlevel.checkpoint()
            log.append("went on")

    nursery.start_soon(task)
    await wait_all_tasks_blocked()
    parking.wake()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert (log, bench.reactor.woken) == (["woken"], 0)


async def test_late_comes_after_the_deadline_and_within_two_ticks(bench) -> None:
    deadline = time.monotonic() + 0.05
    with pytest.raises(Late):
        await bench.parking().park(deadline)
    assert deadline <= time.monotonic() < deadline + 3 * TICK_S


async def test_a_deadline_moved_on_while_parked_counts(bench, nursery) -> None:
    parking, log = bench.parking(), []
    nursery.start_soon(parked, parking, log, time.monotonic() + 0.05)
    await wait_all_tasks_blocked()
    parking.set_deadline(time.monotonic() + 60)
    with trio.move_on_after(3 * TICK_S):
        await trio.sleep_forever()
    assert log == []
    parking.wake()


async def test_a_deadline_drawn_nearer_counts(bench) -> None:
    parking = bench.parking()
    with trio.move_on_after(0):
        await parking.park(time.monotonic() + 60)
    with trio.fail_after(1), pytest.raises(Late):
        await parking.park(time.monotonic() + 0.01)


async def test_the_deadline_of_an_ended_wait_does_not_reach_the_next(bench, nursery) -> None:
    parking, log = bench.parking(), []
    nursery.start_soon(parked, parking, log, time.monotonic() + 0.05)
    await wait_all_tasks_blocked()
    parking.wake()
    await wait_all_tasks_blocked()
    nursery.start_soon(parked, parking, log)
    with trio.move_on_after(3 * TICK_S):
        await trio.sleep_forever()
    assert log == ["woken"]
    parking.wake()


async def test_close_forgets_the_deadline(bench) -> None:
    parking = bench.parking()
    with trio.move_on_after(0):
        await parking.park(time.monotonic() + 60)
    assert len(bench.reactor.deadlines)
    parking.close()
    assert not len(bench.reactor.deadlines)


async def test_one_parking_is_filed_once_however_often_it_parks(bench) -> None:
    parking = bench.parking()
    for seconds in (60, 61, 30, 31, 90):
        with trio.move_on_after(0):
            await parking.park(time.monotonic() + seconds)
    assert len(bench.reactor.deadlines) == 1
    parking.close()


async def test_guard_ends_at_once_when_the_client_leaves(bench, nursery) -> None:
    parking, left = bench.parking(), trio.Event()

    async def task() -> None:
        with pytest.raises(ClientGone):
            async with parking.guard():
                await trio.sleep_forever()
        left.set()

    nursery.start_soon(task)
    await wait_all_tasks_blocked()
    parking.leave()
    with trio.fail_after(1):
        await left.wait()


async def test_guard_raises_late_at_its_deadline(bench) -> None:
    with trio.fail_after(1), pytest.raises(Late):
        async with bench.parking().guard(time.monotonic() + 0.01):
            await trio.sleep_forever()


async def test_guard_does_not_begin_for_a_client_that_left(bench) -> None:
    parking = bench.parking()
    parking.leave()
    with pytest.raises(ClientGone):
        async with parking.guard():
            pytest.fail("the guarded wait ran")


async def test_an_outer_cancel_passes_through_guard(bench) -> None:
    with trio.move_on_after(0) as scope:
        async with bench.parking().guard():
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_an_error_inside_guard_is_itself(bench) -> None:
    parking = bench.parking()
    with pytest.raises(OSError, match="unreachable"):
        async with parking.guard():
            raise OSError("unreachable")
    parking.leave()  # nothing is left to cancel


class Recorder:
    """A registered thing that keeps its events; `again` times it asks for another turn."""

    def __init__(self, reactor: Reactor, fd: int, again: int = 0) -> None:
        self.reactor, self.fd, self.left, self.masks = reactor, fd, again, []

    def fileno(self) -> int:
        return self.fd

    def on_event(self, mask: int) -> None:
        self.masks.append(mask)
        if self.left:
            self.left -= 1
            self.reactor.again(self)


async def test_again_gives_another_turn_each_round_and_lets_trio_run(bench, nursery) -> None:
    link, peer = bench.link(None)
    bench.reactor.remove(link)
    turns = 30_000
    eager = Recorder(bench.reactor, link.fileno(), again=turns)
    bench.reactor.add(eager)
    ran = 0

    async def other() -> None:
        nonlocal ran
        while len(eager.masks) <= turns:
            ran += 1
            await trio.lowlevel.checkpoint()

    nursery.start_soon(other)
    await peer.send_all(b"x")
    with trio.fail_after(2):
        while len(eager.masks) <= turns:
            await trio.lowlevel.checkpoint()
    assert ran > 5
    assert set(eager.masks[1:]) <= {select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT}
    bench.reactor.remove(eager)


async def test_an_idle_reactor_sleeps(bench) -> None:
    """No wake-up is left over after work: the worker must not spin."""
    parking = bench.parking()
    link, peer = bench.link(parking)
    await peer.send_all(b"x")
    assert await link.read(time.monotonic() + 1) == b"x"
    before = time.process_time()
    with trio.move_on_after(0.2):
        await trio.sleep_forever()
    assert time.process_time() - before < 0.1
    parking.close()


async def test_links_are_counted_and_forgotten(bench) -> None:
    link, _ = bench.link(None)
    other, _ = bench.link(None)
    assert len(bench.reactor) == 2
    link.close()
    bench.reactor.remove(other)
    bench.reactor.remove(other)
    assert len(bench.reactor) == 0


async def test_many_tasks_park_and_wake_in_step_with_their_sockets(bench, nursery) -> None:
    """Two hundred ping-pongs side by side: one lost wake-up and the test stands still."""
    finished = 0

    async def pong(link, peer) -> None:
        nonlocal finished
        for number in range(20):
            await peer.send_all(b"%d" % number)
            assert await link.read(time.monotonic() + 5) == b"%d" % number
            await link.write(b"back", 5)
            assert await peer.receive_some() == b"back"
        finished += 1
        link.parking.close()

    with trio.fail_after(10):
        async with trio.open_nursery() as ping_pongs:
            for _ in range(200):
                ping_pongs.start_soon(pong, *bench.link(bench.parking()))
    assert finished == 200


class OneEvent:
    """Stands in for an epoll: tells of one readable socket, once."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.registered: list[int] = []
        self.waited = trio.Event()

    def register(self, fd: int, mask: int, /) -> None:
        self.registered.append(fd)
        self.told.append((fd, mask & select.EPOLLIN))

    def unregister(self, fd: int, /) -> None:
        self.registered.remove(fd)

    def poll(self, _timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        told, self.told = self.told[:most], self.told[most:]
        return told

    def arrived(self, _fd: int, /) -> bool:
        return False

    async def wait(self) -> None:
        self.waited.set()
        await trio.sleep_forever()


async def test_another_poller_may_stand_in_for_the_epoll(nursery) -> None:
    poller = OneEvent()
    reactor = Reactor(poller)
    seen: list[int] = []

    class Deaf:
        def on_event(self, mask: int) -> None:
            seen.append(mask)

        def fileno(self) -> int:
            return 3_000_000

    link = Deaf()
    reactor.add(link)
    nursery.start_soon(reactor.run)
    await poller.waited.wait()
    assert seen == [select.EPOLLIN]
    reactor.remove(link)
    assert poller.registered == []


class Bursting:
    """Something registered whose every call raises, its end included."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.failed: list[str] = []

    def fileno(self) -> int:
        return self.fd

    def on_event(self, mask: int) -> None:
        raise LookupError("in on_event")

    def send_posted(self, data: bytes) -> None:
        raise LookupError("in send_posted")

    def fail(self, error: Exception) -> None:
        self.failed.append(str(error))
        raise LookupError("in fail")


async def test_a_callee_that_raises_ends_alone_whichever_way_it_was_called(nursery) -> None:
    poller = OneEvent()
    reactor = Reactor(poller)
    burst = Bursting(3_000_000)
    reactor.add(burst)
    reactor.again(burst)
    reactor.defer(burst, b"x")
    nursery.start_soon(reactor.run)
    await poller.waited.wait()
    assert burst.failed == ["in send_posted", "in on_event", "in on_event"]
    assert reactor.walls.callees.stopped == 6
    reactor.remove(burst)


@pytest.mark.pure
async def test_a_deadline_that_raises_leaves_the_sweeper_to_the_others(bench, nursery) -> None:
    sound, log = bench.parking(), []

    class Sick(Parking):
        __slots__ = ()

        def look_at_deadline(self, now: float) -> None:
            raise LookupError("a bug")

    sick = Sick(bench.reactor)
    deadline = time.monotonic() + 0.05
    nursery.start_soon(parked, sick, log, deadline)
    nursery.start_soon(parked, sound, log, deadline)
    await trio.sleep(3 * TICK_S)
    assert sorted(log) == ["late", "woken"], "the sick one's task is told that all is over"
    assert sick.gone
    assert bench.reactor.walls.callees.stopped == 1


async def test_a_link_that_raises_is_as_good_as_hung_up(bench, nursery) -> None:
    parking, log = bench.parking(), []
    link, peer = bench.link(parking)
    link.is_client = True
    nursery.start_soon(parked, parking, log)
    await wait_all_tasks_blocked()
    link.fail(LookupError("a bug"))
    await wait_all_tasks_blocked()
    assert (log, parking.gone, link.recv()) == (["woken"], True, b"")
    assert await peer.receive_some(1) == b""
