"""A set of deployments that one request may choose from: a group, an object scope, the pass-through set.

Its usable members are laid out by tier when health changes; a strategy picks from the lowest tier that has room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from proxy.routing.affinity import place
from proxy.routing.dice import Dice
from proxy.routing.member import Member
from proxy.routing.pace import bar_s
from proxy.routing.quota import SHORTEST_WAIT_S
from proxy.routing.refusal import Unavailable, refusal
from proxy.routing.strategies import STRATEGIES, Strategy, Tier
from proxy.types import Deployment

PLACEMENTS_LIMIT = 4096
"""Callers whose place is remembered between changes of health; working it out again costs 1 us per scope."""
COMPARE_S = 10.0
"""How often a group looks for members far slower than the others: their averages move about as fast."""
_ALWAYS = -math.inf
_SIMPLE_SHUFFLE = STRATEGIES["simple-shuffle"]


class Pool:
    __slots__ = (
        "__weakref__",
        "_compares",
        "_dice",
        "_members",
        "_next_change",
        "_parts",
        "_placements",
        "_rest",
        "_scope_weights",
        "_strategy",
        "_tiers",
        "_usable",
        "scopes",
    )

    def __init__(
        self,
        members: Sequence[Member],
        strategy: Strategy = _SIMPLE_SHUFFLE,
        dice: Dice | None = None,
        *,
        compares: bool = False,
    ) -> None:
        """`compares`: its members' paces with each other."""
        self._strategy = strategy
        self._dice = dice or Dice()
        self._compares = compares
        self._members = sorted(members, key=lambda member: member.tier)
        self._usable: list[Member] = []
        self._tiers: dict[tuple[int, bool], Tier] = {}
        self._next_change = _ALWAYS
        self._rest: tuple[float, str] | None = None
        """While none is usable: until when, and why."""
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

    def take(self, now: float, tried: Sequence[Deployment] = (), tokens: int = 0) -> Deployment | Unavailable:
        """HOT. The next deployment, with a slot taken; from the lowest tier that has room."""
        if now >= self._next_change:
            self._refresh(now)
        for tier in self._tiers.values():
            member = tier.take(now, tried, tokens)
            if member is not None:
                member.state.begin(now, tokens)
                return member.deployment
        return self._refusal(now, tried, tokens)

    def _refusal(self, now: float, tried: Sequence[Deployment], tokens: int) -> Unavailable:
        """In an outage every request is refused: while all rest, the answer is worked out once."""
        if self._usable or tried:
            return refusal(self._members, self._usable, now, tried, tokens)
        if self._rest is None:
            found = refusal(self._members, (), now, (), tokens)
            self._rest = now + found.retry_after_s, found.reason
        until, reason = self._rest
        return Unavailable(max(SHORTEST_WAIT_S, until - now), reason)

    def part(self, scope: str) -> Pool | None:
        """Its members of one object scope; None when it has none."""
        if scope not in self.scopes:
            return None
        if len(self.scopes) == 1:
            return self
        if scope not in self._parts:
            members = [m for m in self._members if m.deployment.object_scope == scope]
            self._parts[scope] = Pool(members, self._strategy, self._dice)
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
        if self._compares:
            _compare(usable)
        self._rest = None
        self._next_change = min(self._changes(now))

    def _changes(self, now: float) -> Iterator[float]:
        """When who is usable may change by time alone."""
        yield now + COMPARE_S if self._compares else math.inf
        for member in self._members:
            if member.state.held.holds(now):
                yield member.state.held.until
            elif member.state.health.benched:
                yield member.state.health.next_change(now)

    def _lay_out(self, usable: list[Member]) -> None:
        tiers: dict[tuple[int, bool], list[Member]] = {}
        for member in usable:
            tiers.setdefault(member.tier, []).append(member)
        # Turns go on where they stood: starting anew would favour the first whenever health changes often.
        starts = {tier: laid_out.at for tier, laid_out in self._tiers.items()}
        self._tiers = {
            tier: self._strategy(members, starts.get(tier, 0), self._dice) for tier, members in tiers.items()
        }
        self._usable = usable
        self._placements.clear()
        self._scope_weights = _weigh_scopes(next(iter(tiers.values()), []))


def _compare(members: Sequence[Member]) -> None:
    """Tells each where its answers begin to be far behind those of others with the same model."""
    paces: dict[str, list[tuple[float, Member]]] = {}
    for member in members:
        ewma_s = member.state.pace.ewma_s()
        member.state.pace.bar_s = math.inf
        if ewma_s is not None:
            paces.setdefault(member.deployment.model, []).append((ewma_s, member))
    for same_model in paces.values():
        if len(same_model) > 1:
            ewmas_s = sorted(ewma_s for ewma_s, _ in same_model)
            for ewma_s, member in same_model:
                member.state.pace.bar_s = bar_s(ewmas_s, ewma_s)


def _weigh_scopes(members: Sequence[Member]) -> dict[str, int]:
    weights: dict[str, int] = {}
    for member in members:
        scope = member.deployment.object_scope
        weights[scope] = weights.get(scope, 0) + member.weight
    return weights
