from __future__ import annotations

import math

import pytest

from proxy.routing.headroom import RESET_SLACK_S, UNSAID_RESET_S, Headroom
from proxy.routing.ledger import MINUTE_S, REQUESTS, Ledger


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def headroom(ledger: Ledger) -> Headroom:
    return Headroom(ledger, REQUESTS)


def send(ledger: Ledger, count: int, now: float) -> None:
    for _ in range(count):
        ledger.sent(0, now)


def left(headroom: Headroom, ledger: Ledger, now: float) -> float:
    ledger.move_on(now)
    return headroom.left(now)


def test_unknown_is_no_limit(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 1000, 0.0)
    assert left(headroom, ledger, 0.0) == math.inf


def test_what_was_sent_since_is_subtracted_but_not_the_reporter(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 5, 10.0)
    send(ledger, 1, 20.0)  # the reporter
    send(ledger, 3, 21.0)
    headroom.told(remaining=40, own=1, reset_s=30.0, picked_at=20.0, now=22.0)
    assert left(headroom, ledger, 22.0) == 37
    send(ledger, 2, 23.0)
    assert left(headroom, ledger, 23.0) == 35


def test_what_was_sent_just_before_may_be_uncounted(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 4, 19.6)
    send(ledger, 1, 20.0)
    headroom.told(remaining=40, own=1, reset_s=30.0, picked_at=20.0, now=22.0)
    assert left(headroom, ledger, 22.0) == 36


def test_answers_that_were_overtaken_are_old_news(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 1, 10.0)
    send(ledger, 1, 20.0)
    headroom.told(remaining=5, own=1, reset_s=30.0, picked_at=20.0, now=21.0)
    headroom.told(remaining=50, own=1, reset_s=60.0, picked_at=10.0, now=40.0)
    assert left(headroom, ledger, 40.0) == 5


def test_at_the_reset_all_is_back(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 1, 0.0)
    headroom.told(remaining=9, own=1, reset_s=59.0, picked_at=0.0, now=0.0)
    send(ledger, 1, 50.0)
    headroom.told(remaining=0, own=1, reset_s=9.0, picked_at=50.0, now=50.0)
    assert left(headroom, ledger, 59.9) == 0
    assert headroom.wait_s(1, 50.0) == 9.0 + RESET_SLACK_S
    assert left(headroom, ledger, 60.0) == math.inf
    send(ledger, 1, 60.0)
    assert left(headroom, ledger, 60.0) == 8  # ten a minute, and two were sent in it


def test_what_was_sent_between_report_and_reset_may_be_missing_after_it(
    headroom: Headroom, ledger: Ledger
) -> None:
    send(ledger, 1, 0.0)
    headroom.told(remaining=9, own=1, reset_s=5.0, picked_at=0.0, now=0.0)
    send(ledger, 9, 1.0)
    assert left(headroom, ledger, 1.0) == 0
    assert left(headroom, ledger, 6.0) == 0  # a bucket has one, a window ten
    assert headroom.wait_s(1, 1.0) == 0.5 + MINUTE_S - 1.0
    send(ledger, 1, 40.0)
    assert left(headroom, ledger, 63.0) == 9  # the last minute's is all that can be missing


def test_without_a_reset_it_is_a_minute(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 1, 0.0)
    headroom.told(remaining=0, own=1, reset_s=None, picked_at=0.0, now=0.0)
    assert headroom.wait_s(1, 0.0) == UNSAID_RESET_S + RESET_SLACK_S


def test_a_key_is_asked_again_after_a_quiet_minute_whatever_it_said(
    headroom: Headroom, ledger: Ledger
) -> None:
    send(ledger, 1, 0.0)
    headroom.told(remaining=0, own=0, reset_s=1.0, picked_at=0.0, now=0.0)
    assert left(headroom, ledger, 10.0) == -1
    now = 10.0 + headroom.wait_s(1, 10.0)
    assert left(headroom, ledger, now) == math.inf


def test_what_was_said_can_be_forgotten(headroom: Headroom, ledger: Ledger) -> None:
    send(ledger, 1, 0.0)
    headroom.told(remaining=0, own=1, reset_s=60.0, picked_at=0.0, now=0.0)
    headroom.forget()
    assert left(headroom, ledger, 1.0) > 0
