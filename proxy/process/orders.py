"""What the operator says of one deployment, as processes tell it to each other: of a fixed size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from proxy.routing.router import Hold

TARGET_BYTES = 16
LAYER_BYTES = 200
MAX_ORDERS = 10_000
"""Deployments of which a last word is kept: more than any configuration has. The oldest go first."""


class Order(msgspec.Struct, frozen=True):
    target: bytes
    """Of the deployment's id, which may be long."""
    hold: Hold
    """Its end is on the machine's monotonic clock, the same in every process."""
    layer: str = ""
    """Of what else than a deployment, at most `LAYER_BYTES`: `host/https://api.openai.com:443`, `key/0123456789ab`,
    `model/0123456789ab/gpt-4o`."""


def target_of(deployment_id: str) -> bytes:
    return hashlib.blake2b(deployment_id.encode(), digest_size=TARGET_BYTES).digest()


class LastWords:
    """The last order for each deployment, numbered in the order in which they came."""

    def __init__(self) -> None:
        self._by_target: dict[bytes, tuple[int, Order]] = {}
        self._count = 0

    def add(self, order: Order) -> None:
        self._count += 1
        self._by_target.pop(order.target, None)
        self._by_target[order.target] = (self._count, order)
        if len(self._by_target) > MAX_ORDERS:
            del self._by_target[next(iter(self._by_target))]

    def numbered(self) -> list[tuple[int, Order]]:
        """Oldest first."""
        return list(self._by_target.values())

    def of_layers(self) -> list[tuple[str, Hold]]:
        """What was said of others than deployments."""
        return [(order.layer, order.hold) for _, order in self._by_target.values() if order.layer]

    def of(self, deployment_ids: Iterable[str]) -> list[tuple[str, Hold]]:
        """What was said of these, of those of which something was."""
        if not self._by_target:
            return []
        found = ((id_, self._by_target.get(target_of(id_))) for id_ in deployment_ids)
        return [(id_, said[1].hold) for id_, said in found if said is not None]
