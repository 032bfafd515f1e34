"""A carried coroutine: stepped by the reactor, and back in its own task where trio is needed."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Coroutine

import pytest
import trio
from trio.lowlevel import current_task
from trio.testing import wait_all_tasks_blocked

from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.parking import Carrier, Late, Parking


class Carried:
    """A carrier, its parking, and what its coroutine did."""

    def __init__(self, bench, nursery: trio.Nursery) -> None:
        self.reactor = bench.reactor
        self.carrier = Carrier()
        self.parking = Parking(bench.reactor, self.carrier)
        self.log: list[object] = []
        self.scope = trio.CancelScope()
        self._nursery = nursery
        near, self._far = socket.socketpair()  # no network stack that could deliver late
        bench.sockets += [near, self._far]
        self._link = Link(bench.reactor, near, self.parking)

    async def begin(self, coroutine: Coroutine[object, object, object]) -> None:
        """Until it waits. The link's first edge has been told by then: it would be taken for another."""
        await wait_all_tasks_blocked(0.01)
        self._nursery.start_soon(self._run, coroutine)
        await wait_all_tasks_blocked(0.01)

    async def _run(self, coroutine: Coroutine[object, object, object]) -> None:
        with self.scope:
            try:
                self.log.append(await self.carrier.carry(coroutine))
            except (OSError, ClientGone, Late, RuntimeError) as error:
                self.log.append(error)

    async def wake(self) -> None:
        """As sockets do it: the dispatcher is awake and steps it."""
        self._far.send(b"x")
        await wait_all_tasks_blocked(0.01)


@pytest.fixture
def carried(bench, nursery) -> Carried:
    return Carried(bench, nursery)


async def test_it_is_stepped_through_its_waits_and_its_task_has_the_result(carried) -> None:
    async def thrice() -> str:
        for turn in range(3):
            await carried.parking.park()
            carried.log.append(turn)
        return "done"

    await carried.begin(thrice())
    for seen in ([0], [0, 1], [0, 1, 2, "done"]):
        await carried.wake()
        assert carried.log == seen


async def test_what_is_read_off_a_socket_is_read_by_the_reactor(bench, carried) -> None:
    """Nobody asks trio: the link's event wakes the coroutine."""
    link, peer = bench.link(carried.parking)
    tasks: list[bool] = []

    async def read() -> bytes:
        while not (data := await link.read(time.monotonic() + 1)).endswith(b"."):
            tasks.append(current_task() is carried.carrier._task)
        return data

    await carried.begin(read())
    for piece in (b"one", b"two", b"end."):
        await peer.send_all(piece)
        await wait_all_tasks_blocked(0.01)
    assert carried.log == [b"end."]
    assert tasks == [False, False]
    link.close()


async def test_it_is_woken_from_outside_while_the_dispatcher_sleeps(carried) -> None:
    async def waits() -> bool:
        await carried.parking.park()
        return current_task() is carried.carrier._task

    await carried.begin(waits())
    carried.parking.wake()
    await wait_all_tasks_blocked(0.01)
    assert carried.log == [True]


async def test_its_error_is_raised_in_its_task(carried) -> None:
    async def fails() -> None:
        await carried.parking.park()
        raise OSError("broken")

    await carried.begin(fails())
    await carried.wake()
    assert [str(error) for error in carried.log] == ["broken"]


async def test_one_that_never_waits_is_no_different(carried) -> None:
    async def returns() -> int:
        return 7

    await carried.begin(returns())
    assert carried.log == [7]


async def test_trio_may_be_used_in_its_own_task(carried) -> None:
    async def sleeps() -> str:
        await carried.parking.park()
        await carried.parking.own()
        assert current_task() is carried.carrier._task
        with trio.move_on_after(0.01):
            await trio.sleep_forever()
        await carried.parking.park()
        assert current_task() is carried.carrier._task, "it stays there"
        carried.carrier.share()
        await carried.parking.park()
        return "done"

    await carried.begin(sleeps())
    for _ in range(3):
        await carried.wake()
    assert carried.log == ["done"]


async def test_a_guarded_wait_is_in_its_own_task(carried) -> None:
    async def guarded() -> None:
        await carried.parking.park()
        async with carried.parking.guard(time.monotonic() + 60):
            carried.log.append(current_task() is carried.carrier._task)
            await trio.sleep_forever()

    await carried.begin(guarded())
    await carried.wake()
    carried.parking.leave()
    await wait_all_tasks_blocked(0.01)
    assert carried.log[0] is True
    assert isinstance(carried.log[1], ClientGone)


async def test_waiting_on_trio_while_the_reactor_steps_it_is_told_and_costs_only_itself(carried) -> None:
    async def forgets() -> None:
        await carried.parking.park()
        await trio.lowlevel.checkpoint()

    await carried.begin(forgets())
    await carried.wake()
    assert [str(error) for error in carried.log] == ["waited on trio without its own task"]
    await wait_all_tasks_blocked(0.01)  # the dispatcher is well


async def test_a_cancel_reaches_it_where_it_is_parked(carried) -> None:
    async def parks() -> None:
        try:
            await carried.parking.park()
        except trio.Cancelled:
            carried.log.append("cancelled")
            with trio.move_on_after(0.01, shield=True):  # last words: trio is there for them
                await carried.parking.park()
            raise

    await carried.begin(parks())
    carried.scope.cancel()
    with trio.move_on_after(0.1):
        await trio.sleep_forever()
    assert carried.log == ["cancelled"]
    carried.parking.wake()  # nobody is there
    assert carried.reactor.ready == []


async def test_a_cancel_that_comes_after_the_wake_up_wins(carried) -> None:
    async def parks() -> None:
        await carried.parking.park()
        carried.log.append("went on")

    await carried.begin(parks())
    carried.reactor.ready.append(carried.carrier)  # as a wake-up does while the dispatcher is about
    carried.scope.cancel()
    await wait_all_tasks_blocked(0.01)
    assert carried.log == []


async def test_late_reaches_it(carried) -> None:
    async def waits() -> None:
        await carried.parking.park(time.monotonic() + 0.01)

    await carried.begin(waits())
    with trio.move_on_after(0.5):
        await trio.sleep_forever()
    assert isinstance(carried.log[0], Late)


async def test_another_parking_wakes_the_same_coroutine(carried) -> None:
    apart = carried.parking.another()

    async def waits() -> str:
        await apart.park()
        return "woken"

    await carried.begin(waits())
    await carried.wake()
    assert carried.log == []
    apart.wake()
    await wait_all_tasks_blocked(0.01)
    assert carried.log == ["woken"]


async def test_one_that_passes_its_turn_lets_those_go_first_that_are_ready(bench, nursery) -> None:
    first, second = Carried(bench, nursery), Carried(bench, nursery)
    log: list[str] = []

    async def polite() -> None:
        await first.parking.park()
        second.parking.wake()
        await first.parking.pass_turn()
        log.append("first")

    async def waits() -> None:
        await second.parking.park()
        log.append("second")

    await second.begin(waits())
    await first.begin(polite())
    await first.wake()
    assert log == ["second", "first"]


async def test_its_task_passes_its_turn_while_the_dispatcher_sleeps(carried) -> None:
    async def passes() -> str:
        await carried.parking.pass_turn()
        return "went on"

    assert carried.reactor.asleep or await wait_all_tasks_blocked(0.01) is None
    await carried.begin(passes())
    assert carried.log == ["went on"]


@pytest.mark.parametrize("ends", [None, "it broke"])
async def test_one_that_has_ended_leaves_no_circle_behind(bench, nursery, ends) -> None:
    """Everybody waits while the collector takes circles apart: some milliseconds for a thousand connections."""
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await _live(Carried(bench, nursery), ends)
        await wait_all_tasks_blocked(0.01)
        gc.collect()
        left = [each for each in gc.garbage if isinstance(each, Carrier)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not left


async def _live(carried: Carried, ends: str | None) -> None:
    async def once() -> None:
        await carried.parking.park()
        if ends is not None:
            raise OSError(ends)

    await carried.begin(once())
    await carried.wake()
    assert [str(each) for each in carried.log] == [str(ends)]
    carried.parking.close()
    carried._link.close()
    carried.log.clear()
