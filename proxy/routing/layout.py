"""Who of a pool is usable for one sort of request, by tier: laid out when something changes, not at the pick.

Nearly all requests are of one sort: each deployment by its own name, and nothing special remembered. Others name a
model themselves, or ask a `*` for one of which something is remembered, or are of a family that some key lacks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from proxy.routing.dice import Dice
from proxy.routing.member import Member
from proxy.routing.refusal import Unavailable
from proxy.routing.strategies import Strategy, Tier
from proxy.routing.wish import Wish
from proxy.types import Deployment

_ALWAYS = -math.inf

Sort: TypeAlias = tuple[str | None, str, str]
"""As `Wish`: the model that requests name, what the `*` takes, the family. Empty where nothing of it is remembered."""


class Nobody:
    """A tier without members."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0

    def take(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        return None


NOBODY = Nobody()


class Layout:
    __slots__ = (
        "_dice",
        "_sort",
        "_strategy",
        "family",
        "first",
        "members",
        "next_change",
        "probes",
        "refused",
        "shares",
        "tiers",
        "usable",
    )

    def __init__(self, sort: Sort, strategy: Strategy, dice: Dice) -> None:
        self._sort = sort
        self._strategy = strategy
        self._dice = dice
        self.family = sort[2]
        self.members: Sequence[Member] = ()
        self.usable: list[Member] = []
        self.tiers: dict[tuple[int, bool], Tier] = {}
        self.first: Tier = NOBODY
        """The lowest of them."""
        self.probes = False
        """Some of the usable stand on something benched."""
        self.shares: Mapping[str, float] | None = None
        """Of the usable of the lowest tier, what each project may take (`seats`); None: not asked for yet."""
        self.refused: tuple[float, Unavailable] | None = None
        """While none is usable: until when, and why."""
        self.next_change = _ALWAYS
        """Until then it holds, unless something changes."""

    def refresh(self, members: Sequence[Member], now: float) -> None:
        """`members`: of the pool, by tier."""
        family = self.family
        model, star, _ = self._sort
        if model is not None or star:
            wish = Wish(model=model, star=star)
            members = [_facing(member, wish) for member in members]
        # Of many hardly any have something the matter: only these are asked what it is.
        troubled = [member for member in members if member.is_troubled(family)]
        free = [member for member in troubled if not member.held(now, family)]
        resting = set(troubled).difference(member for member in free if member.admits(now, family))
        usable = [member for member in members if member not in resting]
        if not usable:
            usable = [member for member in free if member.admits_last_resort(now, family)]
        if usable != self.usable:
            self._lay_out(usable)
        self.members, self.usable, self.refused = members, usable, None
        probing = set(troubled).intersection(usable)
        self.probes = any(member.is_benched(family) for member in probing)
        self.next_change = min(
            (change for member in troubled for change in member.next_change(now, family)), default=math.inf
        )

    def within_share(self, now: float, tried: Sequence[Deployment], wish: Wish) -> Member | None:
        """One that is full by what others' requests are only expected to use."""
        for member in self.usable:
            if member.fits_share(now, tried, wish):
                return member
        return None

    def further(self, now: float, tried: Sequence[Deployment], wish: Wish, *, tries: bool) -> Member | None:
        """Where the lowest tier has no room: of another, or on trial, or one that rests."""
        for tier in self.tiers.values():
            if tier is not self.first and (member := tier.take(now, tried, wish.tokens)) is not None:
                return member
        member = self.within_share(now, tried, wish)
        if member is None and tries:
            member = self.on_trial(now, tried, wish.tokens)
        if member is None and tries and tried:
            member = self.last_resort(now, tried, wish.tokens)
        return member

    def on_trial(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """One that has nothing left by what its answers foretold: nobody else has anything."""
        for member in self.usable:
            prediction = None if member.model is None else member.model.prediction
            if prediction is None or not member.fits(now, tried, tokens) or not prediction.lets_try(now):
                continue
            prediction.begin_trial(now)
            return member
        return None

    def soonest(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """Of those that answers foretold to have nothing left."""
        found = [
            (member.model.prediction.wait_s(now, tokens), at, member)
            for at, member in enumerate(self.usable)
            if member.model is not None
            and member.model.prediction is not None
            and member.fits(now, tried, tokens)
        ]
        return min(found)[2] if found else None

    def last_resort(self, now: float, tried: Sequence[Deployment], tokens: int) -> Member | None:
        """One that rests and might answer all the same: whoever is usable was tried, and failed this request."""
        for member in self.members:
            if member in self.usable or member.held(now, self.family) or not member.fits(now, tried, tokens):
                continue
            if member.admits_last_resort(now, self.family):
                return member
        return None

    def _lay_out(self, usable: list[Member]) -> None:
        self.shares = None
        # Turns go on where they stood: starting anew would favour the first whenever health changes often.
        starts = {tier: laid_out.at for tier, laid_out in self.tiers.items()}
        self.tiers = {
            tier: self._strategy(members, starts.get(tier, 0), self._dice)
            for tier, members in _by_tier(usable).items()
        }
        self.first = next(iter(self.tiers.values()), NOBODY)


def _by_tier(members: list[Member]) -> dict[tuple[int, bool], list[Member]]:
    """`members`: by tier."""
    if members and members[0].tier == members[-1].tier:
        return {members[0].tier: members}
    tiers: dict[tuple[int, bool], list[Member]] = {}
    for member in members:
        tiers.setdefault(member.tier, []).append(member)
    return tiers


def _facing(member: Member, wish: Wish) -> Member:
    model = member.model_for(wish)
    return member if model is member.model else member.facing(model)
