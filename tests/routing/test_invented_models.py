"""Clients may ask a `*` for any names: what is remembered of them stays bounded, and costs nobody else anything."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from proxy.routing.affinity import MemoryStore
from proxy.routing.layers import MODELS_PER_KEY
from proxy.routing.router import Cause, Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Layer, Result, ResultKind

Make = Callable[..., Deployment]
LIMITED = Result(ResultKind.RATE_LIMITED, 429, 9000.0)
DENIED = Result(ResultKind.AUTH, 404, blame=Layer.MODEL, word="model_not_found")
INVENTED = 5_000
"""Ten times as many as are remembered; a hundred thousand hold no more, and take a minute."""
HELD_BYTES = 4 * 1024 * 1024


def ask(router: Router, model: str, result: Result, now: float) -> bool:
    """Whether there was a key for it."""
    match = router.match(model)
    assert match is not None
    wish = Wish("chat", None, match.wildcard)
    picked = router.pick(match.pool, now, wish=wish)
    if isinstance(picked, Unavailable):
        return False
    router.settle(picked, result, now, wish, Cause("call"))
    return True


def test_thousands_are_bounded_and_evict_no_rest_of_others(deployment: Make) -> None:
    deployments = [deployment("w", group="*", model="*"), deployment("a")]
    router = Router(deployments, RouterSettings(max_retry_after_s=9000.0), store=MemoryStore(1))
    for number in range(100):
        ask(router, f"limited-{number}", LIMITED, 0.0)
    ask(router, "gpt", DENIED, 0.0)
    for number in range(2 * MODELS_PER_KEY):
        ask(router, f"warm-{number}", DENIED, 0.5)
    gc.collect()
    tracemalloc.start()
    for number in range(INVENTED):
        assert ask(router, f"invented-{number}-" + "x" * 200, DENIED, 1.0 + number / 1000)
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    [star] = [key for key in router.layers.keys.values() if "w.example.com" in key.base]
    assert len(star.models) == MODELS_PER_KEY
    assert peak < HELD_BYTES, f"{held / 1024:.0f} KB held, {peak / 1024:.0f} KB at most"
    assert not any(ask(router, f"limited-{number}", LIMITED, 102.0) for number in range(100))
    assert not ask(router, "gpt", DENIED, 102.0)
