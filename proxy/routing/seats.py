"""Which project a conversation stays with: its prompt is cached there, at a tenth to a half of the price.

Weighted rendezvous hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded
Loads", 2016): every process would place a conversation alike, what leaves moves only its own, and nobody gets more than
LOAD times its share. Keys of one project (`object_scope`) share its cache: they count as one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping, Sequence

from proxy.routing.affinity import score

LOAD = 1.25
"""Of its share of the last minute's conversations, what one project takes before some of its own turn to their next."""
SPARE = 64
"""Requests within a minute that are no overload of anybody: with few, shares are chance."""
MEMORY_S = 60.0
"""A request counts e times less after so long."""
PLACES = 4
"""Of a conversation, as many places are tried and remembered; who finds all of them full may as well take turns."""
LIMIT = 8192
"""Conversations remembered, some 3 MiB; one that is forgotten is placed anew, mostly where it was."""
STEP_S = 0.1
"""How often what one request counts is worked out."""
_MOST_MEMORIES = 200.0
"""Then what one counts is set back to 1: a float holds e to the power of 700."""


class Seats:
    """Of one pool."""

    __slots__ = ("_began", "_counts", "_one", "_one_until", "_places", "_total")

    def __init__(self) -> None:
        self._places: dict[bytes, list[str]] = {}
        """Of each conversation, the last one first."""
        self._counts: dict[str, float] = {}
        """By place. Later requests count more instead of earlier ones less: only ratios are asked for."""
        self._total = 0.0
        self._began = 0.0
        self._one = 1.0
        """What one request counts now."""
        self._one_until = 0.0

    def first(self, session: bytes, shares: Mapping[str, float], now: float) -> str | None:
        """HOT. Where it goes, and that it does. None: all of its places are full.

        `shares`: of the projects that may be used now, LOAD times their part of all weights.
        """
        if now >= self._one_until:
            self._count_anew(now)
        known = self._places.get(session)
        if known is not None and self._may_take(known[0], shares):
            return known[0]
        return self._turn(session, known or (), shares)

    def _may_take(self, place: str, shares: Mapping[str, float]) -> bool:
        """HOT. One more is not more than it may have: it is counted."""
        share = shares.get(place)
        if share is None:
            return False
        one, counts = self._one, self._counts
        more = counts.get(place, 0.0) + one
        total = self._total + one
        if more > SPARE * one and more > share * total:
            return False
        counts[place], self._total = more, total
        return True

    def _turn(self, session: bytes, known: Sequence[str], shares: Mapping[str, float]) -> str | None:
        """To the next that has room, which is its first from now on: that is where its prompt is cached."""
        if len(known) < min(PLACES, len(shares)) or not all(place in shares for place in known):
            ranked = heapq.nlargest(PLACES, shares, key=lambda at: (score(session, at, shares[at]), at))
            known = [*known, *(place for place in ranked if place not in known)]
        for place in known:
            if self._may_take(place, shares):
                self._remember(session, place, known)
                return place
        return None

    def _remember(self, session: bytes, first: str, known: Sequence[str]) -> None:
        if session not in self._places and len(self._places) >= LIMIT:
            del self._places[next(iter(self._places))]
        self._places[session] = [first, *(place for place in known if place != first)][:PLACES]

    def without(self, session: bytes, places: Collection[str], shares: Mapping[str, float]) -> str | None:
        """The next, when these could not take it after all."""
        left = {place: share for place, share in shares.items() if place not in places}
        return self._turn(session, self._places.get(session, ()), left) if left else None

    def _count_anew(self, now: float) -> None:
        self._one_until = now + STEP_S
        memories = max(0.0, now - self._began) / MEMORY_S
        if memories < _MOST_MEMORIES:
            self._one = math.exp(memories)
            return
        fade = math.exp(-memories)
        self._counts = {place: count * fade for place, count in self._counts.items() if count * fade}
        self._total = sum(self._counts.values())
        self._one, self._began = 1.0, now


def shares_of(weights: Mapping[str, int]) -> dict[str, float]:
    """LOAD times each one's part of all weights."""
    everyone = sum(weights.values())
    return {place: LOAD * weight / everyone for place, weight in weights.items()}
