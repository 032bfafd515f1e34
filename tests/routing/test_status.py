from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.status import DeploymentStatus, describe
from proxy.types import Deployment, Result, ResultKind


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
    )
    assert describe(one, state, 30.0).state == "half_open"


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
