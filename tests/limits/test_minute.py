"""The sliding minute: never more than the limit, and nearly all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.limits.ledger import Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Refused, Rule
from tests.limits.conftest import Machine

SLACK_S = 0.25
"""By which who measures may be away from the gateway."""
LONGEST_S = 60.5
"""What counts at the most."""


@given(st.lists(st.floats(0, 20), min_size=1, max_size=120), st.integers(1, 7))
def test_no_sliding_minute_holds_more_and_no_refusal_is_false(gaps: list[float], limit: int) -> None:
    machine, rule, now = Machine(rows=1), Rule(subject("key", "a"), "key", rpm=limit), 0.0
    admitted: list[float] = []
    for each, gap in enumerate(gaps):
        now += gap
        found = machine.hands[each % 3].reserve([rule], Demand(), now)
        if isinstance(found, Reservation):
            admitted.append(now)
            assert sum(now - each <= 60 + SLACK_S for each in admitted) <= limit
        else:
            assert isinstance(found, Refused)
            assert found.wait_s is not None
            assert sum(now - each <= LONGEST_S for each in admitted) >= limit
            assert found.used == sum(_counts(each, now) for each in admitted)
            oldest = sorted(admitted)[-limit]
            assert oldest + 60 + SLACK_S <= now + found.wait_s <= oldest + LONGEST_S


def _counts(then: float, now: float) -> bool:
    return int(now * 4) - int(then * 4) <= 241


@pytest.mark.parametrize("limit", [1, 60, 600, 6_000])
@pytest.mark.parametrize("pause_s", [0.0, 0.013, 0.25, 0.3])
def test_who_always_comes_uses_99_per_cent(limit: int, pause_s: float) -> None:
    """Whether they come all at once or spread out."""
    machine, rule = Machine(rows=1), Rule(subject("key", "a"), "key", rpm=limit)
    ledger, now, admitted = machine.hands[0], 0.1, 0
    end = now + 20 * LONGEST_S
    while now < end:
        found = ledger.reserve([rule], Demand(), now)
        if isinstance(found, Reservation):
            admitted += 1
            now += pause_s if pause_s * limit < 60 else 0.0
        else:
            assert isinstance(found, Refused)
            assert found.wait_s is not None
            now += found.wait_s
    assert admitted >= 20 * limit
    assert admitted * 60 / (20 * LONGEST_S) >= 0.99 * limit
