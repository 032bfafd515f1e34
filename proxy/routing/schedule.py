"""Smooth weighted round robin, laid out ahead: pay when the set changes, not at the pick.

The order is nginx's (`ngx_http_upstream_get_peer`): every turn each weight is added to its peer's balance,
the largest balance is picked (ties: the first) and pays the sum of all weights. 5/1/1 gives a a b a c a a.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LENGTH_LIMIT = 4096
"""Turns in one period. Longer ones (weights such as 9999 and 10000) cost memory and build time, and
nobody can tell their shares from the rounded ones'."""


def sequence(weights: Sequence[int], limit: int = LENGTH_LIMIT) -> tuple[int, ...]:
    """One whole period of turns, as indexes into `weights`, which are all at least 1.

    Costs length x distinct weights: peers of equal weight always take turns in order, so they share a balance.
    """
    if weights.count(weights[0]) == len(weights):  # nearly always
        return tuple(range(len(weights)))
    shares = _shares(weights, limit)
    total = sum(shares)
    classes = _by_weight(shares)
    if len(classes) == 1:
        return tuple(range(total))
    return tuple(_turn(classes, total) for _ in range(total))


def _shares(weights: Sequence[int], limit: int) -> list[int]:
    """The weights in lowest terms; scaled to about `limit` turns when they need more.

    Rounding, and the one turn that the lightest keep, move a share s of n peers by at most (1 + n*s) / (limit - n/2).
    """
    total = sum(weights)
    if total // math.gcd(*weights) > limit:
        weights = [max(1, round(weight * limit / total)) for weight in weights]
    divisor = math.gcd(*weights)  # weights that were close may have become equal
    return [weight // divisor for weight in weights]


class _WeightClass:
    """Peers of one weight: all have the same balance, but those already picked this round have paid once."""

    __slots__ = ("balance", "peers", "turn", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.balance = 0
        self.peers: list[int] = []
        self.turn = 0

    def pay(self, total: int) -> int:
        peer = self.peers[self.turn]
        self.turn += 1
        if self.turn == len(self.peers):
            self.turn = 0
            self.balance -= total
        return peer


def _by_weight(shares: Sequence[int]) -> list[_WeightClass]:
    classes: dict[int, _WeightClass] = {}
    for peer, share in enumerate(shares):
        found = classes.get(share)
        if found is None:
            found = classes[share] = _WeightClass(share)
        found.peers.append(peer)
    return list(classes.values())


def _turn(classes: Sequence[_WeightClass], total: int) -> int:
    best = classes[0]
    for each in classes:
        each.balance += each.weight
        ahead = each.balance - best.balance
        if ahead > 0 or (ahead == 0 and each.peers[each.turn] < best.peers[best.turn]):
            best = each
    return best.pay(total)
