"""Limits in memory that real processes share, and die with."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial

import pytest

from proxy.limits.ledger import Ledger, Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Rule
from proxy.process.limits import SharedLimits

RULE = Rule(subject("key", "a"), "key", parallel=1_000_000, budget=10**15)
DEMAND = Demand(tokens=3, least=1, most=5)
NOW = 100.0
WORKERS = 4


def in_child(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def reserved(ledger: Ledger) -> Reservation:
    found = ledger.reserve([RULE], DEMAND, NOW)
    assert isinstance(found, Reservation)
    return found


def work_for_ever(ledger: Ledger) -> None:
    while True:
        ledger.settle(reserved(ledger), 0, 7, NOW, NOW)
        reserved(ledger)


@pytest.fixture
def shared() -> SharedLimits:
    shared = SharedLimits(4, WORKERS)
    shared.of(1).load(RULE, 0, NOW)
    return shared


def test_processes_and_threads_count_as_one(shared: SharedLimits) -> None:
    each = 400

    def count(ledger: Ledger) -> None:
        for _ in range(each):
            ledger.settle(reserved(ledger), 0, 7, NOW, NOW)
            reserved(ledger)

    def work(number: int) -> None:
        ledger = shared.of(number)
        threads = [threading.Thread(target=count, args=(ledger,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    children = [in_child(partial(work, number)) for number in range(1, WORKERS + 1)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WORKERS
    standing = shared.of(1).standing(RULE, NOW)
    assert standing is not None
    assert standing.spent == WORKERS * 2 * each * 7
    assert standing.running == WORKERS * 2 * each
    for number in range(1, WORKERS + 1):
        shared.of(1).give_back(number)
    standing = shared.of(1).standing(RULE, NOW)
    assert standing is not None
    assert (standing.running, standing.reserved, standing.running_tokens) == (0, 0, 0)


def test_who_is_killed_at_any_moment_leaves_a_lock_and_numbers_that_are_right(shared: SharedLimits) -> None:
    survivor = shared.of(1)
    for number in (2, 3, 4):
        child = in_child(partial(work_for_ever, shared.of(number)))
        before = survivor.standing(RULE, NOW)
        assert before is not None
        while (standing := survivor.standing(RULE, NOW)) is not None and standing.running < 50:
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        survivor.give_back(number)
        standing = survivor.standing(RULE, NOW)
        assert standing is not None
        assert (standing.running, standing.reserved, standing.running_tokens) == (0, 0, 0)
        assert (standing.spent - before.spent) % 7 == 0
        assert [row[0] for row in survivor.orphans(number)] == [RULE.subject]
        survivor.adopt(RULE.subject, 0, 0, number)
        standing = survivor.standing(RULE, NOW)
        assert standing is not None
        assert standing.spent == 0


def test_unused_rows_take_no_memory() -> None:
    many = SharedLimits(20_000, WORKERS)
    many.of(1).load(RULE, 0, NOW)
    blocks = os.fstat(many._file).st_blocks * 512
    assert blocks < 1024 * 1024
    assert many.layout.size > 80 * 1024 * 1024
