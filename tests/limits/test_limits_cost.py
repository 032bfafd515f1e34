"""What limits cost a request, in bytecodes."""

from __future__ import annotations

from loadtest.bytecodes import bytecodes
from proxy.limits.layout import Layout
from proxy.limits.ledger import Ledger, Reservation
from proxy.limits.values import Demand, Rule


class NoLock:
    """One worker's memory."""

    def acquire(self) -> None: ...
    def release(self) -> None: ...


def test_a_key_with_all_limits() -> None:
    layout = Layout(8, 1)
    ledger = Ledger(memoryview(bytearray(layout.size)), NoLock(), layout)
    rule = Rule(subject=bytes(range(16)), rpm=10**6, tpm=10**9, parallel=100, budget=10**15)
    demand = Demand(100, 1000, 5000)
    assert ledger.load(rule, 0, 1000.0)

    def request() -> None:
        reserved = ledger.reserve((rule,), demand, 1000.0)
        assert isinstance(reserved, Reservation)
        ledger.settle(reserved, 90, 3000, 1000.0, 1000.0)

    request()
    assert bytecodes(request) < 1000
