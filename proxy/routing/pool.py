"""A set of deployments that one request may choose from: a group, an object scope, the pass-through set.

Its usable members are laid out by tier when something changes (`layout`); a strategy picks from the lowest tier that
has room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from proxy.routing.affinity import place
from proxy.routing.dice import Dice
from proxy.routing.layout import Layout, Sort
from proxy.routing.member import Member
from proxy.routing.pace import bar_s
from proxy.routing.prediction import SHORTEST_WAIT_S
from proxy.routing.refusal import Unavailable, refusal
from proxy.routing.seats import Seats, shares_of
from proxy.routing.strategies import STRATEGIES, Strategy
from proxy.routing.wish import ANY, Wish
from proxy.types import Deployment

PLACEMENTS_LIMIT = 4096
"""Callers whose place is remembered between changes of health; working it out again costs 1 us per scope."""
LAYOUTS_LIMIT = 256
"""Sorts of requests laid out at a time; laying one out again costs 0.5 us per member."""
COMPARE_S = 10.0
"""How often a group looks for members far slower than the others: their averages move about as fast."""
FEW = 64
"""Members that are compared whenever one of them changes: of more, one moves no median."""
_ALWAYS = -math.inf
_SIMPLE_SHUFFLE = STRATEGIES["simple-shuffle"]
_PLAIN: Sort = (None, "", "")
_BARE: Sort = ("", "", "")
"""Of requests that name no model: only hosts and keys matter."""


class Pool:
    __slots__ = (
        "__weakref__",
        "_compare_at",
        "_compares",
        "_dice",
        "_families",
        "_is_plain",
        "_layouts",
        "_members",
        "_models",
        "_parts",
        "_placements",
        "_plain",
        "_scope_weights",
        "_seats",
        "_stars",
        "_strategy",
        "scope",
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
        self._compare_at = _ALWAYS
        self._members = sorted(members, key=lambda member: member.tier)
        self._stars = tuple({member.deployment.model for member in members if member.stars})
        self._models: Counter[str] = Counter()
        """Of which some of its keys remember something."""
        self._families: Counter[str] = Counter()
        self._plain = Layout(_PLAIN, strategy, self._dice)
        self._layouts: dict[Sort, Layout] = {_PLAIN: self._plain}
        self._is_plain = True
        """Nothing is remembered that would part one request that names no model itself from another."""
        self._parts: dict[str, Pool] = {}
        self._placements: dict[bytes, str] = {}
        self._scope_weights: dict[str, int] = {}
        self._seats = Seats()
        self.scopes = frozenset(member.deployment.object_scope for member in members)
        self.scope = self._members[0].deployment.object_scope if len(self.scopes) == 1 else ""
        """Of all its members, where that is one."""
        self.watch()

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(member.deployment for member in self._members)

    def watch(self) -> None:
        """Asks what its members stand on, which a reload may have replaced, to tell of changes."""
        keys = {member.key.digest: member.key for member in self._members}
        for member in self._members:
            member.state.watchers.add(self)
            member.key.watchers.add(self)
            member.host.watchers.add(self)
        self._models = Counter(model for key in keys.values() for model in key.models)
        self._families = Counter(family for key in keys.values() for family in key.families)
        denied = (model.denied_to for key in keys.values() for model in key.models.values())
        self._families.update(family for families in denied for family in families)
        self._look_whether_plain()
        self.invalidate()

    def invalidate(self) -> None:
        for layout in self._layouts.values():
            layout.next_change = _ALWAYS

    def invalidate_named(self) -> None:
        for layout in self._layouts.values():
            if layout is not self._plain:
                layout.next_change = _ALWAYS

    def noted(self, model: str) -> None:
        self._models[model] += 1
        self._look_whether_plain()

    def forgot(self, model: str) -> None:
        self._models[model] -= 1
        if self._models[model] <= 0:
            del self._models[model]
        self._look_whether_plain()

    def noted_family(self, family: str) -> None:
        self._families[family] += 1
        self._look_whether_plain()

    def forgot_family(self, family: str) -> None:
        self._families[family] -= 1
        if self._families[family] <= 0:
            del self._families[family]
        self._look_whether_plain()

    def take(
        self, now: float, wish: Wish = ANY, tried: Sequence[Deployment] = (), *, tries: bool = True
    ) -> Deployment | Unavailable:
        """HOT. The next deployment, with a slot taken (`DeploymentState.begin`, unrolled); from the lowest tier that
        has room. `tries`: else one that has nothing left, by what its answers foretold."""
        layout = self._plain if self._is_plain and wish.model is None else self._layout(wish)
        if now >= layout.next_change:
            self._refresh(layout, now)
        tokens = wish.tokens
        member = layout.first.take(now, tried, tokens)
        if member is None:
            member = layout.further(now, tried, wish, tries=tries)
            if member is None:
                return self._refusal(layout, now, wish, tried)
        state, model = member.state, member.model
        state.in_flight += 1
        state.requests += 1
        if state.quota is not None:
            state.quota.take(now, tokens, wish.caller)
        if model is not None and model.prediction is not None:
            model.prediction.take(now, tokens)
        if layout.probes or (tried and member.is_benched(layout.family)):
            member.begin_trial(now, layout.family)
        return member.deployment

    def seat(
        self, session: bytes, now: float, wish: Wish = ANY, tried: Sequence[Deployment] = ()
    ) -> Deployment | None:
        """HOT. As `take`, from the project that a conversation stays with; None: none that it knows can have it."""
        layout = self._plain if self._is_plain and wish.model is None else self._layout(wish)
        if now >= layout.next_change:
            self._refresh(layout, now)
        shares = layout.shares
        if shares is None:
            shares = layout.shares = shares_of(_weigh_scopes(layout.usable))
        at = self._seats.first(session, shares, now)
        refused: list[str] = []
        while at is not None:
            part = self._parts.get(at) or self.part(at)
            picked = None if part is None else part.take(now, wish, tried, tries=False)
            if isinstance(picked, Deployment):
                return picked
            refused.append(at)
            at = self._seats.without(session, refused, shares)
        return None

    def insist(self, now: float, wish: Wish, tried: Sequence[Deployment] = ()) -> Deployment | Unavailable:
        """As `take`; where all are foretold to have nothing left, the one that has something first."""
        found = self.take(now, wish, tried)
        if isinstance(found, Deployment):
            return found
        layout, tokens = self._layout(wish), wish.tokens
        member = layout.soonest(now, tried, tokens)
        if member is None or member.model is None or member.model.prediction is None:
            return found
        member.state.begin(now, tokens, wish.caller)
        member.model.prediction.take(now, tokens)
        if layout.probes:
            member.begin_trial(now, layout.family)
        return member.deployment

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
        """The part where this caller's objects go, among scopes whose keys are usable now; None when none is."""
        bare = self._layout_of(_BARE)
        if now >= bare.next_change:
            self._refresh(bare, now)
            weights = _weigh_scopes(bare.usable)
            if weights != self._scope_weights:
                self._scope_weights = weights
                self._placements.clear()
        scope = self._placements.get(caller)
        if scope is not None:
            return self.part(scope)
        if not self._scope_weights:
            return None
        if len(self._placements) >= PLACEMENTS_LIMIT:
            self._placements.clear()
        scope = self._placements[caller] = place(caller, self._scope_weights.items())
        return self.part(scope)

    def _layout(self, wish: Wish) -> Layout:
        """HOT where a key remembers models or families."""
        family = wish.family if wish.family in self._families else ""
        if wish.model is not None:
            return self._layout_of((wish.model if wish.model in self._models else "", "", family))
        star = wish.star if self._stars and self._remembers(wish.star) else ""
        return self._layout_of((None, star, family))

    def _layout_of(self, sort: Sort) -> Layout:
        layout = self._layouts.get(sort)
        if layout is None:
            if len(self._layouts) >= LAYOUTS_LIMIT:
                self._layouts = {_PLAIN: self._plain}
            layout = self._layouts[sort] = Layout(sort, self._strategy, self._dice)
        return layout

    def _remembers(self, star: str) -> bool:
        models = self._models
        return any(model.replace("*", star, 1) in models for model in self._stars)

    def _look_whether_plain(self) -> None:
        self._is_plain = not self._families and not (self._stars and self._models)

    def _refresh(self, layout: Layout, now: float) -> None:
        layout.refresh(self._members, now)
        if not self._compares or layout is not self._plain:
            return
        if now >= self._compare_at or len(layout.usable) <= FEW:
            self._compare_at = now + COMPARE_S
            _compare(layout.usable)
        layout.next_change = min(layout.next_change, self._compare_at)

    def _refusal(self, layout: Layout, now: float, wish: Wish, tried: Sequence[Deployment]) -> Unavailable:
        """In an outage every request is refused: while all rest, the answer is worked out once."""
        if layout.usable or tried:
            return refusal(layout.members, layout.usable, now, wish, tried)
        if layout.refused is None:
            found = refusal(layout.members, (), now, wish, ())
            layout.refused = now + found.retry_after_s, found
        until, found = layout.refused
        return found.in_s(max(SHORTEST_WAIT_S, until - now))


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
    """Of the lowest tier."""
    weights: dict[str, int] = {}
    for member in members:
        if member.tier == members[0].tier:
            scope = member.deployment.object_scope
            weights[scope] = weights.get(scope, 0) + member.weight
    return weights
