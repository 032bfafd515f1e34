"""Ledgers over plain memory."""

from __future__ import annotations

import threading

import pytest

from proxy.limits.layout import Layout
from proxy.limits.ledger import Ledger

ROWS = 8
WORKERS = 3


class Machine:
    """One memory, and the hands of its workers on it."""

    def __init__(self, rows: int = ROWS, workers: int = WORKERS) -> None:
        self.layout = Layout(rows, workers)
        self.memory = memoryview(bytearray(self.layout.size))
        self.lock = threading.Lock()
        self.hands = [Ledger(self.memory, self.lock, self.layout, 1 + each) for each in range(workers)]

    def another(self, worker: int) -> Ledger:
        """A process that knows nothing yet."""
        return Ledger(self.memory, self.lock, self.layout, worker)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def ledger(machine: Machine) -> Ledger:
    return machine.hands[0]
