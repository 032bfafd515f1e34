from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest
import trio
import trio.testing

from proxy.accounting.bus import BATCH_RECORDS, INBOX_LIMIT, PAUSE_S, Bus
from proxy.accounting.log import Log
from proxy.accounting.record import Record

MakeRecord = Callable[..., Record]


class Reader:
    """Keeps what it is given; can be made to wait, and to raise."""

    def __init__(self, name: str = "reader", limit: int = 1000, batch: int = 100) -> None:
        self.name = name
        self.limit = limit
        self.batch = batch
        self.linger_s = 0.0
        self.batches: list[list[Record]] = []
        self.finished: list[Record] = []
        self.dropped = 0
        self.open = trio.Event()
        self.open.set()
        self.errors: list[Exception] = []

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        await self.open.wait()
        if self.errors:
            raise self.errors.pop()
        self.batches.append(list(records))
        self.dropped += dropped

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        self.finished += records
        self.dropped += dropped

    @property
    def had(self) -> list[str]:
        return [record.call_id for batch in (*self.batches, self.finished) for record in batch]


def numbered(make_record: MakeRecord, count: int) -> list[Record]:
    return [make_record(call_id=str(number)) for number in range(count)]


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def test_every_consumer_has_every_record_in_its_own_batches(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    small, large = Reader("small", batch=3), Reader("large", batch=100)
    bus = Bus([small, large])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 10):
            bus.record(record)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [len(batch) for batch in small.batches] == [3, 3, 3, 1]
    assert [len(batch) for batch in large.batches] == [10]
    assert small.had == large.had == ids(10)


async def test_one_that_lingers_has_more_in_one_batch(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    reader = Reader()
    reader.linger_s = 5.0
    bus = Bus([reader])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 10):
            bus.record(record)
            await trio.sleep(0.4)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert [len(batch) for batch in reader.batches] == [10]


async def test_a_slow_consumer_costs_its_own_records_and_nobody_elses(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    slow, quick = Reader("slow", limit=4, batch=2), Reader("quick")
    slow.open = trio.Event()
    bus = Bus([slow, quick])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 20):
            bus.record(record)
            await trio.sleep(1)
        assert quick.had == ids(20)
        assert bus.dropped == {"slow": 15, "quick": 0}  # it works on the first, and the last four wait
        slow.open.set()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert slow.had == ["0", "16", "17", "18", "19"]
    assert (slow.dropped, quick.dropped) == (15, 0)


async def test_a_consumer_that_raises_costs_its_batch_and_goes_on(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    sick, well = Reader("sick", batch=2), Reader("well")
    sick.errors = [RuntimeError("no")]
    bus = Bus([sick, well])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 6):
            bus.record(record)
        await trio.sleep(PAUSE_S + 1)
        nursery.cancel_scope.cancel()
    assert (sick.had, sick.dropped, bus.dropped["sick"]) == (["2", "3", "4", "5"], 2, 2)
    assert well.had == ids(6)
    assert "consumer of records sick ended by a bug: RuntimeError: no" in caplog.text


async def test_what_was_cut_off_is_finished_at_the_end_and_so_is_what_waited(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    reader = Reader(limit=3, batch=2)
    reader.open = trio.Event()
    bus = Bus([reader])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 6):
            bus.record(record)
            await trio.sleep(1)
        bus.record(make_record(call_id="late"))
        nursery.cancel_scope.cancel()
    bus.flush()
    bus.flush()
    assert (reader.batches, reader.had, reader.dropped) == ([], ["0", "4", "5", "late"], 3)


async def test_a_batch_that_is_full_does_not_wait_for_its_time(make_record: MakeRecord) -> None:
    reader = Reader(batch=1000)
    bus = Bus([reader], flush_s=1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        await trio.testing.wait_all_tasks_blocked()
        for record in numbered(make_record, BATCH_RECORDS):
            bus.record(record)
        await trio.testing.wait_all_tasks_blocked()
        assert len(reader.had) == BATCH_RECORDS
        nursery.cancel_scope.cancel()


def test_records_that_nobody_fetches_are_bounded(make_record: MakeRecord) -> None:
    reader = Reader(limit=2 * INBOX_LIMIT)
    bus = Bus([reader])
    record = make_record()
    for _ in range(INBOX_LIMIT + 7):
        bus.record(record)
    bus.flush()
    assert (len(reader.finished), bus.dropped) == (INBOX_LIMIT, {"reader": 7})


async def test_the_log_leaves_a_record_as_it_is(make_record: MakeRecord) -> None:
    lines: list[bytes] = []
    record = make_record()
    before = msgspec.structs.asdict(record)
    bus = Bus([Log(lines.append, "json"), Log(lines.append, "text")])
    bus.record(record)
    bus.flush()
    assert len(lines) == 2
    assert msgspec.structs.asdict(record) == before


async def test_nobody_need_be_there(make_record: MakeRecord, autojump_clock: trio.testing.MockClock) -> None:
    bus = Bus(())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        bus.record(make_record())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    bus.flush()
    assert bus.dropped == {}
