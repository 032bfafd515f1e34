from __future__ import annotations

import pytest
import trio

from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor
from proxy.wire.scope import RequestScope
from proxy.wire.walls import Wall


def scope_of_a_task() -> RequestScope:
    return RequestScope(Parking(Reactor()), Wall("request"))


async def test_a_request_that_starts_nothing_has_no_nursery() -> None:
    assert not scope_of_a_task().opened


async def test_nothing_outlives_the_scope() -> None:
    scope, ended = scope_of_a_task(), []

    async def task(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(name)

    for name in ("listener", "hedge"):
        await scope.start(lambda name=name: task(name))
    await trio.lowlevel.checkpoint()
    await scope.close()
    assert sorted(ended) == ["hedge", "listener"]


async def test_a_task_that_has_ended_is_no_trouble() -> None:
    scope, ran = scope_of_a_task(), []

    async def task() -> None:
        ran.append(True)

    await scope.start(task)
    await trio.lowlevel.checkpoint()
    await scope.close()
    assert ran


async def test_a_task_ends_even_while_it_shields_its_last_words() -> None:
    scope, said = scope_of_a_task(), []

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
                said.append("goodbye")

    await scope.start(task)
    await trio.lowlevel.checkpoint()
    await scope.close()
    assert said == ["goodbye"]


async def test_a_task_that_raises_ends_alone_and_is_counted() -> None:
    wall = Wall("request")
    scope, going_on = RequestScope(Parking(Reactor()), wall), []

    async def task() -> None:
        raise LookupError("a bug")

    async def another() -> None:
        await trio.sleep_forever()

    await scope.start(another)
    await scope.start(task)
    with trio.move_on_after(0.01):
        await trio.sleep_forever()
        going_on.append(False)
    await scope.close()
    assert wall.stopped == 1
    assert going_on == []


async def test_a_cancelled_request_takes_its_tasks_along() -> None:
    """The worker's drain ends by cancelling: that must reach the outside as a cancellation and nothing else."""
    ended = []

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(True)

    async def request() -> None:
        scope = scope_of_a_task()
        try:
            await scope.start(task)
            await trio.sleep_forever()
        finally:
            await scope.close()

    with trio.move_on_after(0.01) as outer:
        await request()
    assert outer.cancelled_caught
    assert ended == [True]


async def test_the_requests_own_exception_stays_itself() -> None:
    async def request() -> None:
        scope = scope_of_a_task()
        try:
            await scope.start(trio.sleep_forever)
            raise LookupError("the request's own")
        finally:
            await scope.close()

    with pytest.raises(LookupError, match="own"):
        await request()
