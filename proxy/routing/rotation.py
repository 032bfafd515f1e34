"""`simple-shuffle`: members take turns by weight. The order is laid out ahead; a pick is an index into it."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.routing.member import Member
from proxy.routing.schedule import sequence
from proxy.types import Deployment


class Rotation:
    """A pick costs the same however many members there are, but for those without room that it passes over."""

    __slots__ = ("_turns", "at")

    def __init__(self, members: Sequence[Member], start: int) -> None:
        order = sequence([member.weight for member in members])
        self._turns = tuple(members[index] for index in order)
        self.at = start % len(self._turns)

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """HOT. `Member.takes`, unrolled. Turns passed over are gone: the others keep their proportions."""
        turns = self._turns
        at = self.at
        for _ in turns:
            member = turns[at]
            at += 1
            if at == len(turns):
                at = 0
            state = member.state
            if state.in_flight >= member.limit or (tried and member.deployment in tried):
                continue
            if state.quota is None or state.quota.admits(now, tokens):
                model = member.model
                if model is None or model.prediction is None or model.prediction.favours(now, tokens):
                    self.at = at
                    return member
        return None
