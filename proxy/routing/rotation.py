"""`simple-shuffle`: members take turns by weight. The order is laid out ahead; a pick is an index into it."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.routing.member import Member
from proxy.routing.schedule import sequence
from proxy.types import Deployment


class Rotation:
    """A pick costs the same however many members there are, but for those without room that it passes over."""

    __slots__ = ("_size", "_turns", "at")

    def __init__(self, members: Sequence[Member], start: int) -> None:
        order = sequence([member.weight for member in members])
        self._turns = tuple(members[index] for index in order)
        self._size = len(self._turns)
        self.at = start % self._size

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """HOT. `Member.takes`, unrolled. Turns passed over are gone: the others keep their proportions."""
        turns, at, size = self._turns, self.at, self._size
        for _ in turns:
            member = turns[at]
            at += 1
            if at == size:
                at = 0
            state, model = member.state, member.model
            if (
                state.in_flight < member.limit
                and not (tried and member.deployment in tried)
                and (state.quota is None or state.quota.admits(now, tokens))
                and (model is None or model.prediction is None or model.prediction.favours(now, tokens))
            ):
                self.at = at
                return member
        return None
