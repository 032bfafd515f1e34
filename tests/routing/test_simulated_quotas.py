"""What headroom is for: at 95 % of the keys' summed quota hardly a request is refused by an upstream.

Prediction steers and never refuses: where nothing is left, one request each second finds out whether that is true.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.routing.strategies import STRATEGIES
from proxy.types import Deployment
from tests.routing.upstreams import Bucket, FixedWindow, Key, Load, Meter

MINUTES = 10
TOKENS = 500
"""On average per request; from a tenth of that to nearly twice."""
MANY = 10**9
MOST_REFUSED = 0.02
Make = Callable[..., Deployment]
MakeMeter = Callable[[int, float], Meter]


class Run:
    def __init__(
        self, make: Make, meter: MakeMeter, limits: list[tuple[int, int]], **settings: object
    ) -> None:
        """`limits`: requests and tokens a minute of each key; they are also its weight, as in a configuration."""
        least = min(rpm * TOKENS if tpm == MANY else tpm for rpm, tpm in limits)
        weights = [round((rpm * TOKENS if tpm == MANY else tpm) / least) for rpm, tpm in limits]
        deployments = [make(f"key-{number}", weight=weight) for number, weight in enumerate(weights)]
        router = Router(deployments, RouterSettings(**settings), store=MemoryStore(1))  # type: ignore[arg-type]
        match = router.match("gpt")
        assert match is not None
        self.keys = {
            each.id: Key(meter(rpm, 17.0 * number), meter(tpm, 17.0 * number))
            for number, (each, (rpm, tpm)) in enumerate(zip(deployments, limits, strict=True))
        }
        self.per_s = sum(min(rpm, tpm / TOKENS) for rpm, tpm in limits) / 60
        self.router, self.pool = router, match.pool

    def load(self, part: float, seed: int, minutes: float = MINUTES) -> Load:
        """`part`: of what all keys allow together."""
        load = Load(self.router, self.pool, self.keys, seed)
        load.run(self.per_s * part, TOKENS, minutes * 60)
        return load

    @property
    def refused(self) -> int:
        return sum(key.refused for key in self.keys.values())


BY_REQUESTS = [(60, MANY), (120, MANY), (60, MANY), (240, MANY)]
BY_TOKENS = [(6000, 60_000), (6000, 30_000), (6000, 60_000)]
LIMITS = pytest.mark.parametrize("limits", [BY_REQUESTS, BY_TOKENS], ids=["requests", "tokens"])
METERS = pytest.mark.parametrize("meter", [FixedWindow, Bucket])


@METERS
@LIMITS
@pytest.mark.parametrize("seed", range(5))
def test_hardly_a_request_is_refused_at_95_percent(
    deployment: Make, meter: MakeMeter, limits: list[tuple[int, int]], seed: int
) -> None:
    run = Run(deployment, meter, limits)
    load = run.load(0.95, seed)
    assert run.refused <= MOST_REFUSED * len(load.waits_s)
    assert sum(load.served.values()) == len(load.waits_s) - run.refused
    assert sorted(load.waits_s)[int(0.95 * len(load.waits_s))] < 5.0


@METERS
@LIMITS
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nor_when_there_is_far_too_much(
    deployment: Make, meter: MakeMeter, limits: list[tuple[int, int]], strategy: str
) -> None:
    run = Run(deployment, meter, limits, strategy=strategy)
    load = run.load(1.5, 1, minutes=3)
    assert run.refused <= len(run.keys) * (3 * 60 + max(load.waits_s))  # a trial each second
    assert sum(load.served.values()) == len(load.waits_s) - run.refused > 0


@METERS
def test_what_would_be_refused_without_it(deployment: Make, meter: MakeMeter) -> None:
    run = Run(deployment, meter, BY_REQUESTS, learn_rate_limits=False)
    run.load(1.3, 1)
    assert run.refused > 50


@METERS
def test_most_of_the_quota_is_used_under_overload(deployment: Make, meter: MakeMeter) -> None:
    run = Run(deployment, meter, BY_REQUESTS)
    load = run.load(1.5, 1)
    minutes = MINUTES + max(load.waits_s) / 60
    assert sum(load.served.values()) > 0.85 * run.per_s * 60 * minutes


@LIMITS
def test_limits_of_the_configuration_alone_do_it_too(deployment: Make, limits: list[tuple[int, int]]) -> None:
    def limited(name: str, **fields: object) -> Deployment:
        rpm, tpm = limits[int(name[-1])]
        return deployment(name, rpm=rpm, tpm=tpm, **fields)

    run = Run(limited, FixedWindow, limits, learn_rate_limits=False)
    load = run.load(1.2, 1, minutes=4)
    assert run.refused == 0
    assert sum(load.served.values()) == len(load.waits_s)
