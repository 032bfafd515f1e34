"""A set of deployments that one request may choose from: a group, an object scope, the pass-through set.

The order of turns over the usable members is laid out when health changes; a pick is an index into it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import msgspec

from proxy.routing.affinity import place
from proxy.routing.schedule import sequence
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.types import Deployment

AT_CAPACITY_RETRY_S = 1.0
"""Slots come free at any moment; this keeps turned-away clients from asking in a tight loop."""
PLACEMENTS_LIMIT = 4096
"""Callers whose place is remembered between changes of health; working it out again costs 1 us per scope."""
_ALWAYS = -math.inf


class Unavailable(msgspec.Struct, frozen=True):
    """Nothing to pick. Never says which keys."""

    retry_after_s: float
    reason: str
    """`benched`: the wait is until the first may be tried again. `at capacity`: all slots are taken.
    `rate limited`: all that are left
    are benched by a 429 or out of quota. `tried`: every usable one was tried; there is nothing to wait for."""


class Member:
    """A deployment with its state; the same object in every pool of one router."""

    __slots__ = ("deployment", "limit", "state", "tier")

    def __init__(self, deployment: Deployment, state: DeploymentState, settings: RouterSettings) -> None:
        limit = deployment.max_parallel_requests
        if limit is None:
            limit = settings.default_max_parallel_requests
        self.deployment = deployment
        self.state = state
        self.limit = sys.maxsize if limit is None else limit
        self.tier = (deployment.order, deployment.weight == 0)
        """Within one order, those of weight 0 come after all others."""


class _Rotation:
    """The members of one tier, taking turns."""

    __slots__ = ("_turns", "at")

    def __init__(self, members: Sequence[Member], start: int) -> None:
        order = sequence([member.deployment.weight or 1 for member in members])
        self._turns = tuple(members[index] for index in order)
        self.at = start % len(self._turns)

    def take(self, tried: Sequence[Deployment]) -> Member | None:
        """HOT. The next member with a free slot. Turns passed over are gone: the others keep their proportions."""
        turns = self._turns
        at = self.at
        for _ in turns:
            member = turns[at]
            at += 1
            if at == len(turns):
                at = 0
            if member.state.in_flight < member.limit and (not tried or member.deployment not in tried):
                self.at = at
                return member
        return None


class Pool:
    __slots__ = (
        "__weakref__",
        "_members",
        "_next_change",
        "_parts",
        "_placements",
        "_scope_weights",
        "_tiers",
        "_usable",
        "scopes",
    )

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = sorted(members, key=lambda member: member.tier)
        self._usable: list[Member] = []
        self._tiers: dict[tuple[int, bool], _Rotation] = {}
        self._next_change = _ALWAYS
        self._parts: dict[str, Pool] = {}
        self._placements: dict[bytes, str] = {}
        self._scope_weights: dict[str, int] = {}
        self.scopes = frozenset(member.deployment.object_scope for member in members)
        self.watch()

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(member.deployment for member in self._members)

    def watch(self) -> None:
        """Asks the members' states, which a reload may have replaced, to tell of changes."""
        for member in self._members:
            member.state.watchers.add(self)
        self.invalidate()

    def invalidate(self) -> None:
        self._next_change = _ALWAYS

    def take(self, now: float, tried: Sequence[Deployment] = ()) -> Deployment | Unavailable:
        """HOT. The next deployment, with a slot taken; from the lowest tier that has a free one."""
        if now >= self._next_change:
            self._refresh(now)
        for rotation in self._tiers.values():
            member = rotation.take(tried)
            if member is not None:
                member.state.begin(now)
                return member.deployment
        return self._refusal(now, tried)

    def part(self, scope: str) -> Pool | None:
        """Its members of one object scope; None when it has none."""
        if scope not in self.scopes:
            return None
        if len(self.scopes) == 1:
            return self
        if scope not in self._parts:
            self._parts[scope] = Pool([m for m in self._members if m.deployment.object_scope == scope])
        return self._parts[scope]

    def home(self, caller: bytes, now: float) -> Pool | None:
        """The part where this caller's objects go, among scopes that are usable now; None when none is."""
        if now >= self._next_change:
            self._refresh(now)
        scope = self._placements.get(caller)
        if scope is not None:
            return self.part(scope)
        if not self._scope_weights:
            return None
        if len(self._placements) >= PLACEMENTS_LIMIT:
            self._placements.clear()
        scope = self._placements[caller] = place(caller, self._scope_weights.items())
        return self.part(scope)

    def _refresh(self, now: float) -> None:
        free = [m for m in self._members if not m.state.held.holds(now)]
        usable = [m for m in free if not m.state.health.benched or m.state.health.admits(now)]
        if not usable:
            usable = [m for m in free if m.state.health.admits_last_resort(now)]
        if usable != self._usable:
            self._lay_out(usable)
        benched = [m.state.health.next_change(now) for m in self._members if m.state.health.benched]
        held = [m.state.held.until for m in self._members if m.state.held.holds(now)]
        self._next_change = min([*benched, *held], default=math.inf)

    def _lay_out(self, usable: list[Member]) -> None:
        tiers: dict[tuple[int, bool], list[Member]] = {}
        for member in usable:
            tiers.setdefault(member.tier, []).append(member)
        # A rotation goes on where it stood: starting anew would favour the first whenever health changes often.
        starts = {tier: rotation.at for tier, rotation in self._tiers.items()}
        self._tiers = {tier: _Rotation(members, starts.get(tier, 0)) for tier, members in tiers.items()}
        self._usable = usable
        self._placements.clear()
        self._scope_weights = _weigh_scopes(next(iter(tiers.values()), []))

    def _refusal(self, now: float, tried: Sequence[Deployment]) -> Unavailable:
        if not self._usable:
            return Unavailable(self._next_change - now, "benched")
        if all(member.deployment in tried for member in self._usable):
            return Unavailable(0.0, "tried")
        return Unavailable(AT_CAPACITY_RETRY_S, "at capacity")


def _weigh_scopes(members: Sequence[Member]) -> dict[str, int]:
    weights: dict[str, int] = {}
    for member in members:
        scope = member.deployment.object_scope
        weights[scope] = weights.get(scope, 0) + (member.deployment.weight or 1)
    return weights
