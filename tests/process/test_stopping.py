"""What tells a worker to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from proxy.process.stopping import Stop

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@pytest.fixture(autouse=True)
def _handlers_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGQUIT, 0)])
async def test_the_first_signal_asks(number: int, code: int) -> None:
    stop = Stop()
    stop.on_signals(*NUMBERS)
    os.kill(os.getpid(), number)
    with trio.fail_after(5):
        await stop.asked.wait()
    assert stop.at_once.is_set() == (number == signal.SIGQUIT)
    assert stop.exit_code == code


async def test_the_second_hurries_and_the_first_decides_the_code() -> None:
    stop = Stop()
    stop.on_signals(*NUMBERS)
    os.kill(os.getpid(), signal.SIGINT)
    await stop.asked.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(5):
        await stop.at_once.wait()
    assert stop.exit_code == 130


async def test_the_end_of_a_lifeline_asks_and_a_signal_then_still_drains(nursery: trio.Nursery) -> None:
    ours, theirs = os.pipe()
    stop = Stop()
    nursery.start_soon(stop.on_end_of, ours)
    await trio.testing.wait_all_tasks_blocked()
    assert not stop.asked.is_set()
    os.close(theirs)
    with trio.fail_after(5):
        await stop.asked.wait()
    os.close(ours)
    stop.tell(signal.SIGTERM)
    assert not stop.at_once.is_set()
    assert stop.exit_code == 0


def test_a_signal_after_the_end_is_harmless() -> None:
    async def make() -> Stop:
        stop = Stop()
        stop.on_signals(signal.SIGTERM)
        return stop

    stop = trio.run(make)
    os.kill(os.getpid(), signal.SIGTERM)
    assert not stop.asked.is_set()
