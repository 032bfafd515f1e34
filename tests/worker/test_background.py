from __future__ import annotations

import itertools

import trio

from proxy.wire.walls import Wall
from proxy.worker.background import PAUSE_S, kept_up


async def test_a_task_that_raises_is_started_again_after_a_pause_and_counted(autojump_clock, caplog) -> None:
    wall, starts = Wall("task"), []

    async def task() -> None:
        starts.append(trio.current_time())
        if len(starts) < 4:
            raise LookupError("a bug")

    await kept_up(task, wall)
    assert [after - before for before, after in itertools.pairwise(starts)] == [PAUSE_S] * 3
    assert wall.stopped == 3
    assert "a_task_that_raises" in caplog.records[0].getMessage()


async def test_a_task_that_is_cancelled_stays_so(autojump_clock) -> None:
    wall = Wall("task")
    with trio.move_on_after(1) as scope:
        await kept_up(trio.sleep_forever, wall)
    assert scope.cancelled_caught
    assert wall.stopped == 0
