from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from proxy.routing.hold import Hold
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.status import DeploymentStatus, describe
from proxy.types import Deployment, Limits, Result, ResultKind


def test_a_benched_deployment(deployment: Callable[..., Deployment]) -> None:
    one = deployment("a")
    state = DeploymentState(one, RouterSettings())
    state.begin(10.0)
    state.begin(10.0)
    state.settle(Result(ResultKind.RATE_LIMITED, 429, 20.0), 10.0)
    assert describe(one, state, 15.0) == DeploymentStatus(
        id="a",
        group="gpt",
        model="gpt-4o",
        api_base="https://api.openai.com/v1",
        state="open",
        reason="rate_limited",
        until_s=15.0,
        in_flight=1,
        requests=2,
        failures=1,
        consecutive=1,
        ewma_s=20.0,
    )
    assert describe(one, state, 30.0).state == "half_open"


def test_the_operator_s_word_outranks_health(deployment: Callable[..., Deployment]) -> None:
    one = deployment("a")
    state = DeploymentState(one, RouterSettings())
    state.begin(0.0)
    state.settle(Result(ResultKind.REFUSED), 0.0)
    for hold, reason, until_s in [(Hold.benched(50.0), "operator", 40.0), (Hold.draining(), "draining", inf)]:
        state.hold(hold, 10.0)
        status = describe(one, state, 10.0)
        assert (status.state, status.reason, status.until_s) == ("open", reason, until_s)
    state.hold(Hold.revived(), 10.0)
    status = describe(one, state, 10.0)
    assert (status.state, status.reason, status.until_s) == ("closed", "", 0.0)


def test_quotas(deployment: Callable[..., Deployment]) -> None:
    one = deployment("a", rpm=2)
    state = DeploymentState(one, RouterSettings())
    assert describe(one, state, 0.0).rpm_used == 0
    state.begin(0.0, 30)
    state.begin(10.0, 20)
    state.answered(10.0, Limits(requests=7, tokens=900), 0.0, 30)
    status = describe(one, state, 20.0)
    assert (status.rpm_used, status.tpm_used) == (2, 50)
    assert (status.remaining_requests, status.remaining_tokens) == (6, 880)
    assert (status.state, status.reason, status.until_s) == ("open", "rate_limited", 41.5)


def test_nothing_is_said_of_what_is_not_counted(deployment: Callable[..., Deployment]) -> None:
    one = deployment("a")
    status = describe(one, DeploymentState(one, RouterSettings()), 0.0)
    numbers = status.remaining_requests, status.remaining_tokens, status.rpm_used, status.tpm_used
    assert numbers == (None, None, None, None)
    assert status.ewma_s is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.1:8000", "http://10.0.0.1:8000"),
        ("https://user:p@ss@host/v1", "https://host/v1"),
        ("https://user@host", "https://host"),
        ("https://host/v1?token=secret", "https://host/v1"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_no_credentials_in_addresses(url: str, shown: str, deployment: Callable[..., Deployment]) -> None:
    one = deployment("a", api_base=url)
    assert describe(one, DeploymentState(one, RouterSettings()), 0.0).api_base == shown
