from __future__ import annotations

from collections.abc import Callable

import trio
import trio.testing

from proxy.accounting.record import Record
from proxy.sinks.alerts import AGAIN_S, TRY_S, WAITING, Alerts
from proxy.sinks.events import SOFT, BudgetEvent, event_of
from proxy.sinks.sink import Away, Refused
from proxy.types import Outcome

MakeRecord = Callable[..., Record]


class Ear:
    def __init__(self) -> None:
        self.heard: list[BudgetEvent] = []
        self.tries = 0
        self.becomes: list[Exception | None] = []

    async def tell(self, event: BudgetEvent) -> None:
        self.tries += 1
        problem = self.becomes.pop(0) if self.becomes else None
        if isinstance(problem, TimeoutError):
            await trio.sleep_forever()
        if problem is not None:
            raise problem
        self.heard.append(event)


async def run(alerts: Alerts, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await alerts.run()


def refused(make_record: MakeRecord, key: str, at: float = 0.0) -> Record:
    return make_record(
        key=key,
        started_unix_s=at,
        outcome=Outcome.CLIENT_ERROR,
        error="budget_exceeded",
        attempts=0,
        status=429,
    )


async def test_refusals_of_one_caller_are_told_once_an_hour(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    ear = Ear()
    alerts = Alerts(ear)
    records = [refused(make_record, key, at) for at in (0.0, 10.0, AGAIN_S + 1) for key in ("a", "b")]
    await alerts.take([make_record(), *records, make_record(error="rate_limited")], 0)
    await run(alerts, 1)
    assert [(event.type, event.key) for event in ear.heard] == [
        ("budget.exceeded", key) for key in ("a", "b", "a", "b")
    ]


async def test_an_event_is_told_until_it_is_heard(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    ear = Ear()
    ear.becomes = [Away("no"), TimeoutError(), Away("no"), None, Refused("never")]
    alerts = Alerts(ear, lambda: 1.0)
    for number in range(3):
        alerts.tell(event_of(SOFT, make_record(call_id=str(number)), "key ci", 2, 1))
    await run(alerts, 3 * TRY_S)
    assert [event.call_id for event in ear.heard] == ["0", "2"]
    assert ear.tries == 6
    assert (ear.heard[0].budget_of, ear.heard[0].spent_nano, ear.heard[0].limit_nano) == ("key ci", 2, 1)


async def test_events_that_wait_are_bounded(
    make_record: MakeRecord, autojump_clock: trio.testing.MockClock
) -> None:
    ear = Ear()
    alerts = Alerts(ear)
    for number in range(WAITING + 5):
        alerts.tell(event_of(SOFT, make_record(call_id=str(number))))
    await run(alerts, 1)
    assert (len(ear.heard), ear.heard[0].call_id) == (WAITING, "5")
