"""`latency-based-routing`: of two members by chance, the one that answers sooner, its queue considered.

Two by chance, not the best of all: what was measured is old by the time it is used, and all would rush to one.
Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.routing.dice import Dice
from proxy.routing.member import Member
from proxy.types import Deployment


class Fastest:
    """A pick costs the same however many members there are, unless neither of the two has room: then all are seen."""

    __slots__ = ("_dice", "_members", "at")

    def __init__(self, members: Sequence[Member], dice: Dice) -> None:
        self._members = members
        self._dice = dice
        self.at = 0

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """HOT."""
        fitting = [member for member in self._two() if member.takes(now, tried, tokens)]
        if not fitting:
            fitting = [member for member in self._members if member.takes(now, tried, tokens)]
        return _soonest(fitting, now)

    def _two(self) -> Sequence[Member]:
        members, count = self._members, len(self._members)
        if count <= 2:
            return members
        one, other = self._dice.below(count), self._dice.below(count - 1)
        return members[one], members[other + (other >= one)]


def _soonest(members: Iterable[Member], now: float) -> Member | None:
    return min(members, key=lambda m: m.state.pace.cost_s(m.state.in_flight, now), default=None)
