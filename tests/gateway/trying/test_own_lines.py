"""The gateway's own lines where no upstream has answered yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.accounting.record import Record
from proxy.gateway.trying.own_lines import OwnLines
from proxy.limits.ledger import Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Rule, Seen


@pytest.mark.parametrize("told", [True, False])
def test_a_stream_that_begins_early_tells_what_its_key_has_left(
    make_record: Callable[..., Record], told: bool
) -> None:
    rule = Rule(subject("key", "a"), "key", rpm=10, tpm=1000, budget=2 * 10**9)
    reservation = Reservation(((rule, 0),), Demand(40), Seen(3, 100, 5 * 10**8))
    lines = OwnLines(told=told).of_stream(make_record(call_id="c"), reservation)
    assert b"x-ratelimit-remaining-requests: 7\r\n" in lines
    assert b"x-ratelimit-remaining-tokens: 860\r\n" in lines
    assert (b"x-litellm-key-spend: 0.500000000\r\n" in lines) is told
    assert (b"x-litellm-call-id: c\r\n" in lines) is told
    assert b"ratelimit" not in OwnLines(told=told).of_stream(make_record(call_id="c"), None)
