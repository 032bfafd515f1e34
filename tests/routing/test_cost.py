"""What routing costs each request, in bytecodes, and what a change of health among many keys does."""

from __future__ import annotations

from loadtest.bench_routing import OK, REFUSED, pool_of, router
from loadtest.bytecodes import bytecodes
from proxy.routing.router import Router
from proxy.routing.schedule import sequence
from proxy.types import Deployment

KEYS = 1000


def test_a_pick_and_its_end() -> None:
    routes = router(10)
    pool = pool_of(routes, "large")

    def pick_and_settle(caller: bytes | None = None) -> None:
        routes.settle(routes.pick(pool, 1.0, (), None, caller), OK, 1.0)  # type: ignore[arg-type]

    for caller in (None, b"one") * 20:
        pick_and_settle(caller)
    assert bytecodes(pick_and_settle) < 350
    assert bytecodes(lambda: pick_and_settle(b"one")) < 500


def test_one_key_among_many_that_rests() -> None:
    routes = router(KEYS)
    pool = pool_of(routes, "large")
    for _ in range(KEYS):
        _picked_and_ended(routes, ok=True)

    def rests() -> None:
        _picked_and_ended(routes, ok=False)
        routes.pick(pool, 1.0)

    rests()
    assert bytecodes(rests) / KEYS < 110


def _picked_and_ended(routes: Router, *, ok: bool) -> None:
    picked = routes.pick(pool_of(routes, "large"), 1.0)
    assert isinstance(picked, Deployment)
    routes.settle(picked, OK if ok else REFUSED, 1.0)


def test_equal_weights_take_turns_in_order_however_many() -> None:
    assert sequence([7] * 5000) == tuple(range(5000))
    assert bytecodes(lambda: sequence([7] * 5000)) < 100
