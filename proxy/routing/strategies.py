"""Who of one tier is next: LiteLLM's strategies by LiteLLM's names. Tiers themselves are the pool's affair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from proxy.routing.dice import Dice
from proxy.routing.fastest import Fastest
from proxy.routing.lowest import Lowest, price, requests_per_weight, share_of_quota
from proxy.routing.member import Member
from proxy.routing.rotation import Rotation
from proxy.types import Deployment


class Tier(Protocol):
    """The usable members of one tier. Laid out anew when one becomes usable or ceases to be."""

    at: int
    """Where it stands: the next layout goes on from there."""

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """HOT. The next member that has room; None: none has."""


Strategy: TypeAlias = Callable[[Sequence[Member], int, Dice], Tier]
"""From members, where to go on, and chance."""


def _simple_shuffle(members: Sequence[Member], start: int, _: Dice) -> Tier:
    return Rotation(members, start)


def _least_busy(members: Sequence[Member], start: int, _: Dice) -> Tier:
    return Lowest(members, start, requests_per_weight)


def _usage_based(members: Sequence[Member], start: int, _: Dice) -> Tier:
    return Lowest(members, start, share_of_quota)


def _cost_based(members: Sequence[Member], start: int, _: Dice) -> Tier:
    return Lowest(members, start, price)


def _latency_based(members: Sequence[Member], _: int, dice: Dice) -> Tier:
    return Fastest(members, dice)


STRATEGIES: Mapping[str, Strategy] = {
    "simple-shuffle": _simple_shuffle,
    "least-busy": _least_busy,
    "usage-based-routing": _usage_based,
    "usage-based-routing-v2": _usage_based,
    "cost-based-routing": _cost_based,
    "latency-based-routing": _latency_based,
}
