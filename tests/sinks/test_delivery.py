"""How records get to a sink that does not always take them: by a clock that jumps, and a spill in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import pytest
import trio
import trio.testing

from proxy.accounting.bus import Bus
from proxy.accounting.record import Record
from proxy.sinks.delivery import TRIES, Delivery, Limits
from proxy.sinks.sink import Away, Nothing, Refused, Wanted
from proxy.types import Outcome

MakeRecord = Callable[..., Record]
ALL = Wanted(good=True, failed=True)


class Kept:
    def __init__(self, id_: int, records: bytes) -> None:
        self.id = id_
        self.records = records


class Memory:
    """A spill that may be out of order."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}
        self.claimed: set[int] = set()
        self.broken = False
        self._next = 0

    @property
    def records(self) -> int:
        return sum(len(msgspec.msgpack.decode(kept)) for kept in self.kept.values())

    def _look(self) -> None:
        if self.broken:
            raise OSError("locked")

    async def keep(self, sink: str, records: bytes, now_unix_s: float) -> None:
        self.keep_now(sink, records, now_unix_s)

    def keep_now(self, sink: str, records: bytes, now_unix_s: float) -> None:
        self._look()
        self._next += 1
        self.kept[self._next] = records

    async def claim(self, sink: str, now_unix_s: float, lease_s: float) -> Kept | None:
        self._look()
        free = min(self.kept.keys() - self.claimed, default=None)
        if free is None:
            return None
        self.claimed.add(free)
        return Kept(free, self.kept[free])

    async def done(self, id_: int) -> None:
        del self.kept[id_]

    async def release(self, id_: int) -> None:
        self.claimed.discard(id_)

    async def waiting(self, sink: str) -> Nothing:
        self._look()
        return Nothing(len(self.kept), time.time() - 60 if self.kept else 0.0)


class Other:
    """The other side."""

    name = "other"

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.got: list[str] = []
        self.asked: list[float] = []
        self.becomes: Callable[[], Exception | None] = lambda: None
        self.hangs = False

    async def send(self, records: Sequence[Record]) -> None:
        self.asked.append(trio.current_time())
        if self.hangs:
            await trio.sleep_forever()
        problem = self.becomes()
        if problem is not None:
            raise problem
        self.got += [record.call_id for record in records]


def made(other: Other, spill: Memory | None = None, **limits: object) -> Delivery:
    return Delivery(other, ALL, Limits(linger_s=0.0, **limits), spill, lambda: 0.5)  # type: ignore[arg-type]


async def told(delivery: Delivery, records: Sequence[Record], seconds: float) -> None:
    """Through a bus, as in a worker; then its end."""
    bus = Bus([delivery])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        nursery.start_soon(delivery.run)
        for record in records:
            bus.record(record)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()


def numbered(make_record: MakeRecord, count: int) -> list[Record]:
    return [make_record(call_id=str(number), started_unix_s=time.time() - 2.0) for number in range(count)]


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def test_batches_of_so_many(make_record: MakeRecord, autojump_clock: trio.testing.MockClock) -> None:
    other = Other()
    delivery = made(other, batch=4)
    await told(delivery, numbered(make_record, 10), 1)
    assert (other.got, len(other.asked), delivery.delivered) == (ids(10), 3, 10)
    assert delivery.lag_s == 0.0


async def test_one_that_is_away_for_a_moment_gets_all_of_it_after_a_pause(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    other, answers = Other(), iter([Away("no"), Away("no")])
    other.becomes = lambda: next(answers, None)
    delivery = made(other, Memory())
    await told(delivery, numbered(make_record, 3), 10)
    assert (other.got, delivery.failures, delivery.delivered) == (ids(3), 2, 3)
    first, second = other.asked[1] - other.asked[0], other.asked[2] - other.asked[1]
    assert (first, second) == (pytest.approx(0.75), pytest.approx(1.5))
    assert [line for line in caplog.messages if "other" in line] == [
        "sink other is away: no; its records wait",
        "sink other takes records again",
    ]


async def test_it_is_not_asked_sooner_than_it_says(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, answers = Other(), iter([Away("busy", 7.0)])
    other.becomes = lambda: next(answers, None)
    await told(made(other), numbered(make_record, 1), 10)
    assert other.asked[1] - other.asked[0] == pytest.approx(7.0)


async def test_what_is_not_taken_waits_in_the_spill_and_goes_when_it_can(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, spill = Other(), Memory()
    other.becomes = lambda: Away("no")
    delivery = made(other, spill, batch=2, queue=4)
    bus = Bus([delivery])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        nursery.start_soon(delivery.run)
        for record in numbered(make_record, 20):
            bus.record(record)
            await trio.sleep(1)
        assert bus.dropped == {"other": 0}  # far more than its queue holds
        assert (spill.records, delivery.delivered) == (20, 0)
        assert (delivery.waiting.batches, delivery.lag_s > 50) == (len(spill.kept), True)
        asked = len(other.asked)
        assert asked < TRIES + 20  # it is not asked for each batch
        other.becomes = lambda: None
        await trio.sleep(200)
        nursery.cancel_scope.cancel()
    assert sorted(other.got, key=int) == ids(20)
    assert (spill.kept, delivery.lag_s) == ({}, 0.0)


async def test_without_a_spill_the_queue_is_the_bound(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other = Other()
    other.becomes = lambda: Away("no")
    delivery = made(other, batch=2, queue=4)
    bus = Bus([delivery])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bus.run)
        for record in numbered(make_record, 20):
            bus.record(record)
            await trio.sleep(1)
        other.becomes = lambda: None
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert other.got == ["0", "16", "17", "18", "19"]
    assert bus.dropped == {"other": 15}


async def test_a_spill_that_is_out_of_order_is_as_none(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, spill = Other(), Memory()
    spill.broken = True
    answers = iter([Away("no")] * 6)
    other.becomes = lambda: next(answers, None)
    await told(made(other, spill), numbered(make_record, 3), 100)
    assert other.got == ids(3)


async def test_one_that_hangs_is_given_up_after_its_time(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    other, spill = Other(), Memory()
    other.hangs = True
    delivery = made(other, spill, timeout_s=10.0)
    await told(delivery, numbered(make_record, 3), 60)
    assert delivery.failures >= TRIES
    assert len(spill.kept) == 1
    assert "sink other is away: took longer than 10 s" in caplog.text


async def test_a_batch_that_it_will_not_take_is_lost_and_counted(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, answers = Other(), iter([Refused("too large")])
    other.becomes = lambda: next(answers, None)
    delivery = made(other, Memory(), batch=2)
    await told(delivery, numbered(make_record, 4), 10)
    assert (other.got, delivery.refused, delivery.delivered) == (["2", "3"], 2, 2)


async def test_what_may_have_had_its_effect_is_not_tried_again(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, spill = Other(keeps=False), Memory()
    other.hangs = True
    delivery = made(other, spill)
    await told(delivery, numbered(make_record, 3), 30)
    assert (len(other.asked), delivery.refused, spill.kept) == (1, 3, {})


async def test_at_the_end_it_is_tried_once_more_and_else_waits_for_the_next_start(
    make_record: MakeRecord,
) -> None:
    for away in (False, True):
        other, spill = Other(), Memory()
        if away:
            other.becomes = lambda: Away("no")
        delivery = made(other, spill)
        bus = Bus([delivery])
        for record in numbered(make_record, 3):
            bus.record(record)
        bus.flush()
        assert (other.got, len(spill.kept)) == (([], 1) if away else (ids(3), 0))


async def test_the_next_start_takes_up_what_waits(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    before, after, spill = Other(), Other(), Memory()
    before.becomes = lambda: Away("no")
    await told(made(before, spill), numbered(make_record, 3), 20)
    spill.claimed.clear()  # its lease is over
    await told(made(after, spill), [], 20)
    assert after.got == ids(3)


async def test_what_nobody_can_read_stops_nobody(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    other, spill = Other(), Memory()
    spill.keep_now("other", b"\xc1 no records", 0.0)
    await told(made(other, spill), numbered(make_record, 1), 20)
    assert (spill.kept, other.got) == ({}, ["0"])


@pytest.mark.parametrize(
    ("wanted", "got"),
    [(Wanted(good=True, failed=False), ["good"]), (Wanted(good=False, failed=True), ["bad", "refused"])],
)
async def test_each_list_gets_its_own(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock, wanted: Wanted, got: list[str]
) -> None:
    other = Other()
    records = [
        make_record(call_id="good"),
        make_record(call_id="bad", outcome=Outcome.UPSTREAM_ERROR),
        make_record(call_id="refused", outcome=Outcome.CLIENT_ERROR, attempts=0),
        make_record(call_id="page", method="GET", route="/health", attempts=0),
        make_record(call_id="closed page", method="GET", attempts=0, outcome=Outcome.CLIENT_ERROR),
    ]
    await told(Delivery(other, wanted, Limits(linger_s=0.0), None), records, 1)
    assert other.got == got
