from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
import trio.testing

from proxy.metrics import families as f
from proxy.metrics.table import Table
from proxy.process.numbers import SharedNumbers
from proxy.worker.telemetry import ASKED_EVERY_S, EVERY_S, Telemetry


async def test_counts_are_published_twice_a_second_and_others_asked_seldom(
    autojump_clock: trio.testing.MockClock,
) -> None:
    numbers = SharedNumbers(2, half_bytes=65_536)
    one, two = Telemetry(numbers.of(1)), Telemetry(numbers.of(2))
    asked: list[float] = []
    two.table.sources.append(lambda _: asked.append(trio.current_time()))
    row = two.table.row(f.RETRIES, ("m",))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(two.run)
        await trio.sleep(2 * EVERY_S + 0.1)
        two.table.values[row] += 3
        await trio.sleep(EVERY_S)
        nursery.cancel_scope.cancel()
    assert b'sluice_retries_total{requested_model="m"} 3\n' in await one.render(False)
    assert len(asked) <= 1 + 2 * EVERY_S / ASKED_EVERY_S
    assert await two.render(True)
    assert len(asked) >= 1


async def test_numbers_that_do_not_fit_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry(SharedNumbers(1, half_bytes=64).of(1))
    for _ in range(3):
        await telemetry.render(False)
    assert caplog.text.count("metrics: ") == 1


async def test_a_worker_in_anothers_place_goes_on_counting() -> None:
    numbers = SharedNumbers(1, half_bytes=65_536)
    before = Telemetry(numbers.of(1))
    before.table.values[before.table.row(f.RETRIES, ("m",))] += 2
    assert await before.render(False)
    after = Telemetry(numbers.of(1))
    after.table.values[after.table.row(f.RETRIES, ("m",))] += 1
    assert b'sluice_retries_total{requested_model="m"} 3\n' in await after.render(False)


async def test_others_have_their_turn_while_many_are_asked_and_no_half_of_it_is_shown() -> None:
    telemetry = Telemetry(SharedNumbers(1, half_bytes=65_536).of(1))
    turns = 0

    def tell(table: Table) -> Iterator[None]:
        begun = turns
        for number in range(20):
            table.set(f.LAYER_STATE, 1, ("key", str(number)))
            yield
        assert turns >= begun + 15

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    telemetry.table.sources.append(tell)
    shown: list[int] = []

    async def render() -> None:
        shown.append((await telemetry.render(False)).count(b'layer="key"'))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        async with trio.open_nursery() as renders:
            for _ in range(3):
                renders.start_soon(render)
        nursery.cancel_scope.cancel()
    assert shown == [20, 20, 20]
