from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable

import pytest
import trio
import trio.testing

from proxy.accounting.bus import BATCH_RECORDS, Bus
from proxy.accounting.log import Log, LogFormat
from proxy.accounting.record import Record

MakeRecord = Callable[..., Record]


class Kept:
    """A sink that keeps what it is given, and can be blocked."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.written = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()

    def __call__(self, lines: bytes) -> None:
        self.open.wait(10)
        self.pieces.append(lines)
        self.written.release()

    def call_ids(self) -> list[str]:
        lines = map(json.loads, b"".join(self.pieces).splitlines())
        return [line["call_id"] for line in lines if line["event"] == "request"]

    def dropped(self) -> int:
        lines = map(json.loads, b"".join(self.pieces).splitlines())
        return sum(line["count"] for line in lines if line["event"] == "records_dropped")


async def test_a_batch_is_one_write_each_flush(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")], flush_s=0.2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for number in range(250):
            bus.record(make_record(call_id=str(number)))
        await trio.sleep(0.3)
        nursery.cancel_scope.cancel()
    bus.flush()
    assert len(log.pieces) == 1
    assert log.call_ids() == [str(number) for number in range(250)]


async def test_a_batch_that_is_full_does_not_wait_for_its_time(make_record: MakeRecord) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")], flush_s=1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for repetition in range(2):
            for number in range(BATCH_RECORDS):
                bus.record(make_record(call_id=f"{repetition}-{number}"))
            await trio.testing.wait_all_tasks_blocked()
            bus.record(make_record(call_id=f"{repetition}-more"))
            bus.flush()
        nursery.cancel_scope.cancel()
    assert [piece.count(b"\n") for piece in log.pieces] == [BATCH_RECORDS, 1] * 2


async def test_a_batch_that_waits_for_the_one_before_follows_it_at_once(make_record: MakeRecord) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")], flush_s=1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        log.open.clear()
        for batch in range(2):
            for number in range(BATCH_RECORDS):
                bus.record(make_record(call_id=f"{batch}-{number}"))
            await trio.testing.wait_all_tasks_blocked()
        log.open.set()
        for _ in range(2):
            assert await trio.to_thread.run_sync(log.written.acquire, True, 10)
        nursery.cancel_scope.cancel()
    assert [piece.count(b"\n") for piece in log.pieces] == [BATCH_RECORDS] * 2


async def test_what_the_task_left_is_flushed_at_the_end(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        bus.record(make_record(call_id="a"))
        await trio.sleep(1)
        bus.record(make_record(call_id="b"))
        nursery.cancel_scope.cancel()
    bus.flush()
    bus.flush()
    assert log.call_ids() == ["a", "b"]


async def test_a_task_cancelled_between_two_turns_loses_nothing(make_record: MakeRecord) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")], flush_s=0)
    for number in range(1000):
        bus.record(make_record(call_id=str(number)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for _ in range(4):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    bus.flush()
    assert log.call_ids() == [str(number) for number in range(1000)]


async def test_a_blocked_log_drops_the_oldest_counts_them_and_says_so(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    log = Kept()
    log.open.clear()
    bus = Bus([Log(log, "json", queue_limit=10)], flush_s=0.2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        bus.record(make_record(call_id="stuck in the pipe"))
        await trio.sleep(1)
        for number in range(25):
            bus.record(make_record(call_id=str(number)))
        await trio.sleep(10)
        assert bus.dropped == {"log": 15}
        assert log.pieces == []
        nursery.cancel_scope.cancel()
    log.open.set()
    bus.flush()
    assert log.call_ids() == ["stuck in the pipe", *(str(number) for number in range(15, 25))]
    assert log.dropped() == 15


async def test_a_log_that_stays_blocked_does_not_hold_up_the_shutdown(make_record: MakeRecord) -> None:
    log = Kept()
    log.open.clear()
    bus = Bus([Log(log, "json", patience_s=0.001)])
    bus.record(make_record())
    bus.flush()
    bus.record(make_record())
    bus.flush()
    assert log.pieces == []
    log.open.set()


async def test_lines_that_could_not_be_written_are_told_with_the_next(make_record: MakeRecord) -> None:
    log = Kept()
    failures = [BrokenPipeError()]

    def fails_once(lines: bytes) -> None:
        if failures:
            raise failures.pop()
        log(lines)

    writes = Log(fails_once, "json")
    bus = Bus([writes])
    for _ in range(3):
        bus.record(make_record())
    bus.flush()
    bus.record(make_record(call_id="next"))
    bus.flush()
    assert (log.call_ids(), log.dropped(), writes.lost) == (["next"], 3, 3)


async def test_one_record_that_has_no_utf8_form_costs_only_itself(make_record: MakeRecord) -> None:
    log = Kept()
    bus = Bus([Log(log, "json")])
    for route in ("/a", "/\udcff", "/b"):
        bus.record(make_record(call_id=route, route=route))
    bus.flush()
    assert (log.call_ids(), log.dropped()) == (["/a", "/b"], 1)


@pytest.mark.parametrize(("log_format", "lines"), [("text", 2), ("json", 2)])
async def test_a_descriptor_will_do_for_a_sink(
    make_record: MakeRecord, log_format: LogFormat, lines: int
) -> None:
    reader, writer = os.pipe()
    bus = Bus([Log(writer, log_format, colour=False)])
    bus.record(make_record())
    bus.record(make_record())
    bus.flush()
    os.close(writer)
    with os.fdopen(reader, "rb") as log:
        assert log.read().count(b"\n") == lines
