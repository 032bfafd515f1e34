"""A group of which no deployment can be served: it is there, so no pattern takes its name, and nothing is picked."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.routing.member import Member
from proxy.routing.pool import Pool
from proxy.routing.refusal import NOT_SERVED, Unavailable
from proxy.routing.wish import ANY, Wish
from proxy.types import Deployment

_REFUSAL = Unavailable(0.0, NOT_SERVED)


class Unserved(Pool):
    __slots__ = ()

    def take(
        self, now: float, wish: Wish = ANY, tried: Sequence[Deployment] = (), *, tries: bool = True
    ) -> Deployment | Unavailable:
        return _REFUSAL

    def insist(self, now: float, wish: Wish, tried: Sequence[Deployment] = ()) -> Deployment | Unavailable:
        return _REFUSAL

    def home(self, caller: bytes, now: float) -> Pool | None:
        return None


def served(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if member.deployment.unservable is None]
