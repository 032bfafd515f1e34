from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from proxy.routing.ground import Layers
from proxy.routing.hold import Hold
from proxy.routing.learning import LEARNS_EVERY_S, LEARNS_SELDOM_S, Learning
from proxy.routing.member import Member
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.wish import ANY
from proxy.types import Deployment, Limits, Result, ResultKind


class Watcher:
    def __init__(self) -> None:
        self.told = 0

    def invalidate(self) -> None:
        self.told += 1

    invalidate_named = invalidate

    def noted(self, model: str) -> None: ...
    def forgot(self, model: str) -> None: ...
    def noted_family(self, family: str) -> None: ...


@pytest.fixture
def state(deployment: Callable[..., Deployment]) -> DeploymentState:
    return DeploymentState(deployment("a"), RouterSettings())


def test_it_counts(state: DeploymentState) -> None:
    for kind in ResultKind:
        state.begin(0.0)
        state.begin(0.0)
        state.settle(Result(kind), 0.0)
    assert state.requests == 2 * len(ResultKind)
    assert state.in_flight == len(ResultKind)
    assert state.failures == len(ResultKind) - 2


def test_failures_in_a_row_are_counted(state: DeploymentState) -> None:
    for kind, row in [
        (ResultKind.AUTH, 1),
        (ResultKind.BROKEN, 2),
        (ResultKind.NEUTRAL, 2),
        (ResultKind.OK, 0),
    ]:
        state.begin(0.0)
        state.settle(Result(kind), 0.0)
        assert state.consecutive == row


def test_watchers_hear_the_operator_s_word_and_are_not_kept_alive(state: DeploymentState) -> None:
    watcher = Watcher()
    state.watchers.add(watcher)
    state.hold(Hold.draining())
    assert watcher.told == 1
    del watcher
    gc.collect()
    assert len(state.watchers) == 0


def test_settling_twice_is_a_bug(state: DeploymentState) -> None:
    with pytest.raises(AssertionError):
        state.settle(Result(ResultKind.OK), 0.0)


PLENTY = Limits(requests=500, requests_reset_s=60.0)


@pytest.mark.parametrize(
    ("told", "seldom"),
    [
        pytest.param([PLENTY], True, id="plenty"),
        pytest.param([PLENTY, Limits(requests=200, requests_reset_s=60.0)], False, id="less than half"),
        pytest.param([Limits(requests=50, requests_reset_s=60.0)], False, id="few"),
        pytest.param([Limits(tokens=900, tokens_reset_s=60.0)], True, id="tokens"),
        pytest.param([None], True, id="never said"),
        pytest.param([PLENTY, None], False, id="not said this time"),
    ],
)
def test_quotas_are_read_often_where_they_are_scarce(
    deployment: Callable[..., Deployment], told: list[Limits | None], *, seldom: bool
) -> None:
    one, settings = deployment("a"), RouterSettings()
    member = Member(one, DeploymentState(one, settings), Layers(), settings)
    learning = Learning(settings)
    assert learning.listens(member, ANY, 0.0)
    for limits in told:
        learning.answered(member, ANY, 1.0, limits, 0.5)
    assert not learning.listens(member, ANY, 1.0 + LEARNS_EVERY_S / 2)
    assert learning.listens(member, ANY, 1.0 + LEARNS_EVERY_S) != seldom
    assert learning.listens(member, ANY, 1.0 + LEARNS_SELDOM_S)
