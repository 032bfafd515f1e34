"""`least-busy`, `usage-based-routing`, `cost-based-routing`: the member with the lowest figure, equals in turn.

A pick looks at every member of the tier: about 0.2 us each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from proxy.routing.member import Member
from proxy.types import Deployment

Figure: TypeAlias = Callable[[Member, float], tuple[float, float]]
"""Of a member, now. The second number decides among equals of the first."""


def requests_per_weight(member: Member, _now: float) -> tuple[float, float]:
    return member.state.in_flight / member.weight, 0.0


def share_of_quota(member: Member, now: float) -> tuple[float, float]:
    """Of `rpm` and `tpm`, what the last minute used. Without limits nothing is: then the fewest tokens."""
    quota = member.state.quota
    return (0.0, 0.0) if quota is None else quota.share(now)


def price(member: Member, _now: float) -> tuple[float, float]:
    """Of a token in and a token out; not said is free."""
    return member.deployment.price.input_per_token + member.deployment.price.output_per_token, 0.0


class Lowest:
    __slots__ = ("_figure", "_members", "at")

    def __init__(self, members: Sequence[Member], start: int, figure: Figure) -> None:
        self._members = members
        self._figure = figure
        self.at = start % len(members)

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """HOT. The figure is asked first: it costs less than whether there is room."""
        members, figure = self._members, self._figure
        best, least, following = None, (0.0, 0.0), self.at
        for step in range(self.at, self.at + len(members)):
            member = members[step % len(members)]
            its = figure(member, now)
            if (best is None or its < least) and member.takes(now, tried, tokens):
                best, least, following = member, its, step + 1
        self.at = following % len(members)
        return best
