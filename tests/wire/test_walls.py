from __future__ import annotations

import logging

import pytest
import trio

from proxy.wire.gone import ClientGone
from proxy.wire.walls import LINES_PER_PERIOD, PERIOD_S, Wall, Walls


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wall(clock: Clock) -> Wall:
    return Wall("connection", clock)


def peer() -> str:
    return "from 1.2.3.4:5"


def bug(words: str = "no luck") -> None:
    raise LookupError(words)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_bug_ends_here_is_counted_and_told_with_its_reason_its_place_and_whose_it_was(wall, caplog) -> None:
    with wall.around(peer):
        bug()
    (line,) = lines(caplog)
    assert wall.stopped == 1
    assert line.startswith("connection from 1.2.3.4:5 ended by a bug: LookupError: no luck at ")
    assert "in bug" in line, "the first time with the way there"


def test_the_way_there_is_shown_once(wall, caplog) -> None:
    for _ in range(3):
        with wall.around(peer):
            bug()
    assert ["in bug" in line for line in lines(caplog)] == [True, False, False]


def test_a_flood_fills_no_log_and_the_next_line_says_what_was_left_out(wall, clock, caplog) -> None:
    for _ in range(1000):
        with wall.around(peer):
            bug()
    assert len(caplog.records) == LINES_PER_PERIOD
    clock.now += PERIOD_S
    with wall.around(peer):
        bug()
    assert lines(caplog)[-1].endswith(f"({1000 - LINES_PER_PERIOD} more were left out)")
    assert wall.stopped == 1001


def test_what_was_expected_is_no_bug(wall, caplog) -> None:
    with wall.around(peer, (ClientGone, OSError)):
        raise ConnectionResetError
    assert (wall.stopped, lines(caplog)) == (0, [])


async def test_a_nurserys_group_is_told_by_its_first_bug(wall, caplog) -> None:
    async def fail() -> None:
        bug()

    async def leave() -> None:
        raise ClientGone

    with wall.around(peer, (ClientGone,)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            nursery.start_soon(fail)
    assert wall.stopped == 1
    assert "LookupError: no luck" in lines(caplog)[0]


async def test_a_group_of_leavings_is_no_bug(wall) -> None:
    async def leave() -> None:
        raise ClientGone

    with wall.around(peer, (ClientGone,)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            nursery.start_soon(leave)
    assert wall.stopped == 0


async def test_cancellation_passes(wall) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        with wall.around(peer):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert wall.stopped == 0


async def test_cancellation_passes_beside_a_bug(wall) -> None:
    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            bug()

    with trio.CancelScope() as scope:
        with wall.around(peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail_when_cancelled)
                nursery.start_soon(trio.sleep_forever)
                await trio.lowlevel.checkpoint()
                scope.cancel()
        await trio.lowlevel.checkpoint()
        pytest.fail("it was cancelled")
    assert scope.cancelled_caught
    assert wall.stopped == 1


def test_what_ends_a_process_passes(wall) -> None:
    with pytest.raises(KeyboardInterrupt), wall.around(peer):
        raise KeyboardInterrupt


def test_what_led_to_it_stays_untold_for_libraries_quote_heads(wall, caplog) -> None:
    with wall.around(peer):
        try:
            int("Bearer sk-secret")
        except ValueError:
            bug()
    assert "sk-secret" not in caplog.text


def test_its_own_words_are_bounded_and_drive_no_terminal(wall, caplog) -> None:
    caplog.set_level(logging.ERROR)
    with wall.around(peer):
        bug("\x1b[2J" + "x" * 10_000)
    assert "\x1b" not in caplog.text
    assert len(lines(caplog)[0]) < 2000


def test_counts_are_told_by_the_kind_of_guest() -> None:
    walls = Walls()
    with walls.callees.around(peer):
        bug()
    assert walls.counts() == {"connections": 0, "requests": 0, "callees": 1, "tasks": 0}
