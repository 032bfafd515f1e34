"""What the operator says of deployments and layers: here, to the other workers, and by them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from proxy import control
from proxy.control.refusals import workers_not_told
from proxy.process.orders import LAYER_BYTES, LastWords, Order, target_of
from proxy.routing.router import Hold, Router
from proxy.types import Deployment, Layer

_HOLDS: dict[control.Word, Callable[[float], Hold]] = {
    "bench": Hold.benched,
    "drain": lambda _: Hold.draining(),
    "revive": lambda _: Hold.revived(),
}
_LAYERS = {kind.value: kind for kind in (Layer.HOST, Layer.KEY, Layer.MODEL, Layer.FAMILY)}


class Serving(Protocol):
    """The parts that serve now."""

    @property
    def router(self) -> Router: ...
    @property
    def by_id(self) -> Mapping[str, Deployment]: ...


class Holds:
    def __init__(
        self, serving: Serving, pass_on: Callable[[Order], bool], call_next: Callable[[], None]
    ) -> None:
        """`pass_on`: tells the other workers; False when it cannot. `call_next`: what rested may be asked again."""
        self._serving = serving
        self._pass_on = pass_on
        self._call_next = call_next
        self._said = LastWords()

    def obey(self, order: Order) -> None:
        """What another worker was told."""
        self._said.add(order)
        router, now = self._serving.router, time.monotonic()
        if order.layer:
            _hold_layer(router, order.layer, order.hold, now)
        for deployment_id in () if order.layer else self._serving.by_id:
            if target_of(deployment_id) == order.target:
                router.hold(deployment_id, order.hold, now)
        self._call_next()

    def hold(self, deployment_id: str, word: control.Word, length_s: float | None) -> bool:
        """What this worker was told. Raises GatewayError where the others cannot be told."""
        now = time.monotonic()
        hold = _HOLDS[word](math.inf if length_s is None else now + length_s)
        if not self._serving.router.hold(deployment_id, hold, now):
            return False
        self._spread(Order(target_of(deployment_id), hold))
        return True

    def hold_layer(self, layer: str, word: control.Word, length_s: float | None) -> bool:
        """The same of a host, a key, a key's model or kind of request: `key/0123456789ab`."""
        now = time.monotonic()
        hold = _HOLDS[word](math.inf if length_s is None else now + length_s)
        if len(layer.encode()) > LAYER_BYTES or not _hold_layer(self._serving.router, layer, hold, now):
            return False
        self._spread(Order(target_of(f"layer/{layer}"), hold, layer))
        return True

    def repeat(self, router: Router, deployment_ids: Iterable[str]) -> None:
        """To a new router: what was said of layers, and of deployments that the one before it did not have."""
        now = time.monotonic()
        for deployment_id, hold in self._said.of(deployment_ids):
            router.hold(deployment_id, hold, now)
        for layer, hold in self._said.of_layers():
            if hold.holds(now):
                _hold_layer(router, layer, hold, now)

    def _spread(self, order: Order) -> None:
        self._call_next()
        self._said.add(order)
        if not self._pass_on(order):
            raise workers_not_told()


def _hold_layer(router: Router, layer: str, hold: Hold, now: float) -> bool:
    kind, _, id_ = layer.partition("/")
    found = _LAYERS.get(kind)
    return found is not None and router.hold_layer(found, id_, hold, now)
