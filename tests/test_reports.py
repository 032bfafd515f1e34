"""What workers tell their parent."""

from __future__ import annotations

import os

from proxy.reports import Parent, Reports


def test_reports_come_from_who_sends_them() -> None:
    reports = Reports()
    assert reports.read() == set()
    parent = Parent(reports)
    parent.ready()
    parent.alive()
    assert reports.read() == {os.getpid()}
    assert reports.read() == set()


def test_stopping_is_nothing_new_to_the_parent() -> None:
    reports = Reports()
    Parent(reports).stopping()
    assert reports.read() == set()


def test_a_parent_that_does_not_read_holds_nobody_up() -> None:
    reports = Reports()
    for _ in range(100_000):
        reports.send()
    assert reports.read() == {os.getpid()}
