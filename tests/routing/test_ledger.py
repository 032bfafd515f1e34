from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.ledger import MINUTE_S, REQUESTS, SLOT_S, SLOTS, TOKENS, USED, Ledger


def test_requests_and_what_they_are_expected_to_use() -> None:
    ledger = Ledger()
    ledger.sent(30, 1000.0)
    ledger.sent(20, 1001.0)
    assert ledger.totals == [2, 50, 0]
    assert ledger.before(1000.9) == (1, 30, 0)
    assert ledger.before(2000.0) == (2, 50, 0)
    assert ledger.before(0.0) == (0, 0, 0)


def test_what_was_used_beyond_what_was_expected() -> None:
    ledger = Ledger()
    ledger.sent(30, 0.0)
    ledger.sent(30, 0.0)
    ledger.over(30, 45, 1.0)
    ledger.over(30, 10, 1.0)
    assert ledger.totals == [2, 75, 55]


def test_waiting_for_the_minute_to_move_on() -> None:
    ledger = Ledger()
    for second in (10.0, 20.0, 30.0):
        ledger.sent(5, second)
    assert ledger.wait_s(REQUESTS, 1, 30.0) == 10.5 + MINUTE_S - 30.0
    assert ledger.wait_s(TOKENS, 6, 30.0) == 20.5 + MINUTE_S - 30.0
    assert ledger.wait_s(REQUESTS, 3, 30.0) == 30.5 + MINUTE_S - 30.0
    assert ledger.wait_s(REQUESTS, 4, 30.0) is None
    assert ledger.wait_s(USED, 1, 30.0) is None


STEPS = st.lists(st.tuples(st.floats(0, 90), st.integers(0, 50)), min_size=1, max_size=40)


@given(STEPS, st.floats(0, SLOTS * SLOT_S - 1))
def test_a_stretch_of_time_holds_all_that_was_sent_in_it(
    steps: list[tuple[float, int]], back_s: float
) -> None:
    ledger, now, sent = Ledger(), 0.0, []
    for step, tokens in steps:
        now += step
        ledger.sent(tokens, now)
        sent.append((now, tokens))
    moment = max(0.0, now - back_s)
    requests, tokens, _ = ledger.before(moment)
    within = [each for when, each in sent if when >= moment]
    slot = [each for when, each in sent if when >= moment - SLOT_S]
    assert len(within) <= ledger.totals[REQUESTS] - requests <= len(slot)
    assert sum(within) <= ledger.totals[TOKENS] - tokens <= sum(slot)


@given(STEPS, st.integers(1, 60))
def test_a_wait_is_neither_too_short_nor_too_long(steps: list[tuple[float, int]], total: int) -> None:
    ledger, now = Ledger(), 0.0
    for step, tokens in steps:
        now += step
        ledger.sent(tokens, now)
    wait_s = ledger.wait_s(REQUESTS, total, now)
    if wait_s is None:
        assert total > len(steps)
        return
    assert ledger.before(now + wait_s + 1e-6 - MINUTE_S)[REQUESTS] >= total
    if wait_s > SLOT_S:
        assert ledger.before(now + wait_s - SLOT_S - 1e-6 - MINUTE_S)[REQUESTS] < total
