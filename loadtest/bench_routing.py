"""What routing costs: `python -m loadtest.bench_routing`. Best of several runs, one core.

`least-busy`, `usage-based-routing` and `cost-based-routing` look at every member of the tier at each pick; the other
strategies cost the same however many there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Pool, Router, RouterSettings, Wish
from proxy.routing.schedule import sequence
from proxy.routing.strategies import STRATEGIES
from proxy.types import Deployment, Limits, Result, ResultKind, Secret, Share

OK = Result(ResultKind.OK, 200, first_byte_s=0.3, tokens=500)
REFUSED = Result(ResultKind.REFUSED)
RUNS = 5


AMPLE = 10**12
"""A limit that is counted and never reached."""


def deployment(number: int, group: str, rpm: int | None = None, tpm: int | None = None) -> Deployment:
    return Deployment(
        id=f"{group}-{number}",
        group=group,
        provider="openai",
        model="gpt-4o",
        api_base=f"https://host-{number}.example.com/v1",
        api_key=Secret(f"sk-bench-{number}"),
        object_scope=f"project-{number}",
        share=Share(rpm=rpm, tpm=tpm),
    )


def router(size: int) -> Router:
    """One group of `size` deployments, and as many groups of one."""
    deployments = [deployment(number, "large") for number in range(size)]
    deployments += [deployment(0, f"group-{number}") for number in range(size)]
    deployments += [deployment(0, f"family-{number}/*") for number in range(size)]
    return Router(deployments, RouterSettings(), store=MemoryStore(1))


def pool_of(routes: Router, model: str) -> Pool:
    found = routes.match(model)
    assert found is not None
    return found.pool


def group(size: int, strategy: str, limit: int | None = None) -> tuple[Router, Pool]:
    deployments = [deployment(number, "large", limit, limit) for number in range(size)]
    routes = Router(deployments, RouterSettings(strategy=strategy), store=MemoryStore(1))
    return routes, pool_of(routes, "large")


def round_trip(routes: Router, pool: Pool) -> Callable[[], object]:
    wish = Wish(tokens=500)

    def pick_and_settle() -> None:
        picked = routes.pick(pool, 1.0, wish=wish)
        assert isinstance(picked, Deployment)
        routes.settle(picked, OK, 1.0, wish)

    return pick_and_settle


def learned(size: int) -> tuple[Router, Pool]:
    """Every key has told what it has left."""
    routes, pool = group(size, "simple-shuffle")
    for each in pool.deployments:
        routes.answered(each, 1.0, Limits(AMPLE, AMPLE, 60.0, 60.0), 0.0)
    return routes, pool


def bench_strategies(size: int) -> dict[str, float]:
    ways = {name: group(size, name) for name in STRATEGIES}
    ways["simple-shuffle, rpm and tpm"] = group(size, "simple-shuffle", AMPLE)
    ways["simple-shuffle, headroom"] = learned(size)
    return {name: time_us(20_000 // size + 200, round_trip(*way)) for name, way in ways.items()}


def time_us(count: int, work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


def bench(size: int) -> dict[str, float]:
    routes = router(size)
    pool = pool_of(routes, "large")
    tried = pool.deployments[:1]

    def pick_and_settle(**how: object) -> None:
        picked = routes.pick(pool, 1.0, **how)  # type: ignore[arg-type]
        assert isinstance(picked, Deployment)
        routes.settle(picked, OK, 1.0)

    def health_flip() -> None:
        picked = routes.pick(pool, 1.0)
        assert isinstance(picked, Deployment)
        routes.settle(picked, REFUSED, 1.0)

    def pick_only() -> None:
        picked = routes.pick(pool, 1.0)
        if isinstance(picked, Deployment):
            routes.settle(picked, OK, 1.0)

    return {
        "match, exact": time_us(50_000, lambda: routes.match("large")),
        "match, wildcard": time_us(50_000, lambda: routes.match("family-0/gpt-4o")),
        "pick + settle": time_us(50_000, pick_and_settle),
        "pick alone": time_us(50_000, lambda: routes.pick(pool, 1.0)),
        "pick + settle, retry": time_us(20_000, lambda: pick_and_settle(tried=tried)),
        "pick + settle, pinned": time_us(20_000, lambda: pick_and_settle(scope="project-0")),
        "pick + settle, caller": time_us(20_000, lambda: pick_and_settle(caller=b"one")),
        "pick that benches, next": time_us(size // RUNS, health_flip),
        "refused, all benched": time_us(1_000, pick_only),
    }


def main() -> None:
    small, large = bench(10), bench(1000)
    print(f"{'microseconds':28}{'10 keys':>10}{'1000 keys':>11}")
    for name, cost in small.items():
        print(f"{name:28}{cost:10.2f}{large[name]:11.2f}")
    print(f"{'pick + settle':28}{'10 keys':>10}{'1000 keys':>11}")
    small, large = bench_strategies(10), bench_strategies(1000)
    for name, cost in small.items():
        print(f"{name:28}{cost:10.2f}{large[name]:11.2f}")
    weights = list(range(1, 1001))
    print(f"schedule of 1000 different weights: {time_us(1, lambda: sequence(weights)) / 1000:.1f} ms")


if __name__ == "__main__":
    main()
