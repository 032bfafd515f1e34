from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Cause, Hold, Router, Wish
from proxy.routing.settings import RouterSettings
from proxy.routing.status import DeploymentStatus, LayerStatus
from proxy.types import Deployment, Limits, Result, ResultKind


class One:
    """A router of one deployment."""

    def __init__(self, deployment: Deployment, **settings: object) -> None:
        self.router = Router([deployment], RouterSettings(**settings), store=MemoryStore(1))  # type: ignore[arg-type]
        match = self.router.match("gpt")
        assert match is not None
        self.pool, self.deployment = match.pool, deployment

    def begin(self, now: float, tokens: int = 0) -> None:
        assert self.router.pick(self.pool, now, wish=Wish(tokens=tokens)) is self.deployment

    def send(self, result: Result, now: float) -> None:
        self.begin(now)
        self.router.settle(self.deployment, result, now, Wish(), Cause("call-1"))

    def status(self, now: float) -> DeploymentStatus:
        return self.router.snapshot(now)[0]


def test_a_benched_deployment(deployment: Callable[..., Deployment]) -> None:
    one = One(deployment("a", origin="config.yaml:3 KEY_A"))
    one.begin(10.0)
    one.send(Result(ResultKind.RATE_LIMITED, 429, 20.0, word="rate_limit_exceeded"), 10.0)
    shown = one.status(15.0)
    (layer,) = shown.layers
    assert shown == DeploymentStatus(
        id="a",
        group="gpt",
        model="gpt-4o",
        api_base="https://a.example.com/v1",
        state="open",
        reason="rate_limited",
        until_s=15.0,
        in_flight=1,
        requests=2,
        failures=1,
        consecutive=1,
        ewma_s=20.0,
        origin="config.yaml:3 KEY_A",
        layers=(layer,),
    )
    assert layer == LayerStatus(
        kind="model",
        id=layer.id,
        name="model gpt-4o of key config.yaml:3 KEY_A at https://a.example.com:443",
        state="open",
        reason="rate_limited",
        since_s=5.0,
        until_s=15.0,
        status=429,
        word="rate_limit_exceeded",
        call_id="call-1",
    )
    assert one.status(30.0).state == "half_open"


def test_the_operator_s_word_outranks_health(deployment: Callable[..., Deployment]) -> None:
    one = One(deployment("a"))
    one.send(Result(ResultKind.REFUSED), 0.0)
    for hold, reason, until_s in [(Hold.benched(50.0), "operator", 40.0), (Hold.draining(), "draining", inf)]:
        one.router.hold("a", hold, 10.0)
        status = one.status(10.0)
        assert (status.state, status.reason, status.until_s) == ("open", reason, until_s)
    one.router.hold("a", Hold.revived(), 10.0)
    status = one.status(10.0)
    assert (status.state, status.reason, status.until_s) == ("closed", "", 0.0)


def test_quotas(deployment: Callable[..., Deployment]) -> None:
    one = One(deployment("a", rpm=2))
    assert one.status(0.0).rpm_used == 0
    one.begin(0.0, 30)
    one.begin(10.0, 20)
    one.router.answered(one.deployment, 10.0, Limits(requests=7, tokens=900), 0.0, Wish(tokens=30))
    status = one.status(20.0)
    assert (status.rpm_used, status.tpm_used) == (2, 50)
    assert (status.remaining_requests, status.remaining_tokens) == (6, 930)
    assert (status.state, status.reason, status.until_s) == ("open", "rate_limited", 41.5)


def test_nothing_is_said_of_what_is_not_counted(deployment: Callable[..., Deployment]) -> None:
    status = One(deployment("a")).status(0.0)
    numbers = status.remaining_requests, status.remaining_tokens, status.rpm_used, status.tpm_used
    assert numbers == (None, None, None, None)
    assert status.ewma_s is None
    assert status.layers == ()


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
    assert One(one).status(0.0).api_base == shown
