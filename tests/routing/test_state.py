from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from proxy.routing.settings import RouterSettings
from proxy.routing.state import LEARNS_EVERY_S, LEARNS_SELDOM_S, DeploymentState
from proxy.types import Deployment, Limits, Result, ResultKind


class Watcher:
    def __init__(self) -> None:
        self.told = 0

    def invalidate(self) -> None:
        self.told += 1


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


def test_watchers_hear_of_changes_only(state: DeploymentState) -> None:
    watcher = Watcher()
    state.watchers.add(watcher)
    for kind, told in [(ResultKind.OK, 0), (ResultKind.SERVER_ERROR, 0), (ResultKind.REFUSED, 1)]:
        state.begin(0.0)
        state.settle(Result(kind), 0.0)
        assert watcher.told == told
    state.begin(5.0)
    assert watcher.told == 2
    state.settle(Result(ResultKind.OK), 5.0)
    assert watcher.told == 3


def test_watchers_are_not_kept_alive(state: DeploymentState) -> None:
    state.watchers.add(Watcher())
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
    state: DeploymentState, told: list[Limits | None], *, seldom: bool
) -> None:
    assert state.wants_limits(0.0)
    for limits in told:
        state.answered(1.0, limits, 0.5, 0)
    assert not state.wants_limits(1.0 + LEARNS_EVERY_S / 2)
    assert state.wants_limits(1.0 + LEARNS_EVERY_S) != seldom
    assert state.wants_limits(1.0 + LEARNS_SELDOM_S)
