from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from proxy.gateway.telling.keepalive import KeepAlive

LINES = b"x-litellm-call-id: call\r\n"


async def run_for(keep_alive: KeepAlive, seconds: float) -> bool:
    """Whether it ended by itself."""
    with trio.move_on_after(seconds) as scope:
        await keep_alive.run()
    return not scope.cancelled_caught


@pytest.mark.parametrize(("seconds", "comments"), [(4, 0), (6, 1), (14, 2), (16, 3)])
async def test_one_comment_each_period(
    exchange: Any, autojump_clock: MockClock, seconds: float, comments: int
) -> None:
    door = exchange()
    assert not await run_for(KeepAlive(door, 5.0, LINES), seconds)
    assert door.comments == comments
    assert (door.committed, door.opened_early) == (comments > 0, comments > 0)


async def test_the_head_has_the_lines_it_was_given(exchange: Any, autojump_clock: MockClock) -> None:
    door, given = exchange(), []

    async def keep_alive(extra: bytes) -> None:
        given.append(extra)

    door.keep_alive = keep_alive
    await run_for(KeepAlive(door, 5.0, LINES), 11)
    assert given == [LINES, LINES]


async def test_it_ends_when_the_answer_begins(exchange: Any, autojump_clock: MockClock) -> None:
    door = exchange()
    keep_alive = KeepAlive(door, 5.0, LINES)
    assert not await run_for(keep_alive, 6)
    keep_alive.stop()
    assert await run_for(keep_alive, 6)
    assert door.comments == 1


async def test_it_ends_when_the_client_has_left(exchange: Any, autojump_clock: MockClock) -> None:
    door = exchange()
    door.parking.leave()
    assert await run_for(KeepAlive(door, 5.0, LINES), 6)
    assert (door.comments, door.committed) == (0, False)
