"""What workers tell their parent."""

from __future__ import annotations

import math
import os

import pytest

from proxy.config.schema import Config
from proxy.process.edition import Edition
from proxy.process.orders import Order, target_of
from proxy.process.reports import Parent, Report, Reports
from proxy.routing.router import Hold


def test_reports_come_from_who_sends_them() -> None:
    reports = Reports()
    assert reports.read() == []
    parent = Parent(reports, 4)
    parent.alive()
    parent.ready()
    parent.alive()
    me = os.getpid()
    assert reports.read() == [Report(me, 4, accepts=False), *[Report(me, 4, accepts=True)] * 2]
    assert reports.read() == []


def test_stopping_and_reloading_are_nothing_new_to_the_parent() -> None:
    reports = Reports()
    parent = Parent(reports, 1)
    parent.stopping()
    parent.reloading()
    parent.reloaded(None)
    assert reports.read() == []


def test_a_reload_is_told_when_it_is_done() -> None:
    reports = Reports()
    parent = Parent(reports, 1)
    parent.reloaded(Edition(2, Config(), {}))
    parent.alive()
    assert [report.edition for report in reports.read()] == [2, 2]


@pytest.mark.parametrize("hold", [Hold.benched(12.5), Hold.benched(), Hold.draining(), Hold.revived()])
def test_the_operators_word_arrives_whole(hold: Hold) -> None:
    reports = Reports()
    order = Order(target_of("a deployment with an id of " + "some length " * 100), hold)
    assert Parent(reports, 1).pass_on(order)
    (report,) = reports.read()
    assert report.order == order
    assert math.isinf(hold.until) or report.order.hold.until == 12.5


def test_a_parent_that_does_not_read_holds_nobody_up_and_is_noticed() -> None:
    reports = Reports()
    parent = Parent(reports, 1)
    for _ in range(100_000):
        parent.alive()
    assert not parent.pass_on(Order(target_of("a"), Hold.draining()))
    while found := reports.read():
        assert {report.pid for report in found} == {os.getpid()}
