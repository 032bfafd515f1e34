"""Where a request goes: `match` a model, `pick` a deployment, `settle` what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from proxy.routing.affinity import ObjectStore
from proxy.routing.dice import Dice
from proxy.routing.hold import Hold
from proxy.routing.member import Member
from proxy.routing.patterns import GroupLookup
from proxy.routing.pool import Pool
from proxy.routing.refusal import Unavailable
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.status import DeploymentStatus, describe
from proxy.routing.strategies import STRATEGIES
from proxy.routing.through import through
from proxy.routing.unserved import Unserved, served
from proxy.types import Deployment, Limits, Result

__all__ = ["DeploymentStatus", "Hold", "Match", "Pool", "Router", "RouterSettings", "Unavailable"]


class Match(msgspec.Struct, frozen=True):
    pool: Pool
    wildcard: str
    """The text that `*` stood for; empty when the name was exact."""


class Router:
    """All deployments, their states and pools. One per worker and configuration; `carry_over` on reload."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        settings: RouterSettings,
        *,
        aliases: Mapping[str, str] = {},
        hidden_aliases: Collection[str] = (),
        store: ObjectStore,
        env_deployment: Deployment | None = None,
        env_first: bool = False,
        seed: int = 0,
    ) -> None:
        """`seed`: of the chance in `latency-based-routing`.
        `env_deployment`: the key of the environment, for requests that name no model; `env_first`: before the own
        ones that all models share.

        Raises ConfigError for a model name with more than one `*`.
        """
        self.store = store
        self._settings = settings
        self._strategy = STRATEGIES.get(settings.strategy, STRATEGIES["simple-shuffle"])
        self._dice = Dice(seed)
        self._states: dict[str, DeploymentState] = {}
        members = [self._member(deployment) for deployment in deployments]
        asked_for = [
            m for m in members if m.deployment.unservable is None or m.deployment.group.count("*") < 2
        ]
        self._groups = self._pools_by([(m.deployment.group, m) for m in asked_for], compares=True)
        fit = [member.deployment for member in served(members)]
        serving = through(fit, env_deployment, environment_first=env_first)
        if env_deployment is not None and env_deployment in serving:
            members = [*members, self._member(env_deployment)]
        pass_through = [member for member in members if member.deployment in serving]
        self._members = members
        self._pass_through = self._pool(pass_through) if pass_through else None
        self._scopes = self._pools_by([(m.deployment.object_scope, m) for m in served(members)])
        self._lookup = GroupLookup(self._groups, aliases)
        visible = [*self._groups, *(alias for alias in aliases if alias not in hidden_aliases)]
        self._names = tuple(dict.fromkeys(name for name in visible if self._is_listed(name)))

    def match(self, model: str) -> Match | None:
        """HOT. Exact name, alias, most specific wildcard; None: nobody serves it."""
        found = self._lookup.find(model)
        return None if found is None else Match(self._groups[found.group], found.wildcard)

    def pick(
        self,
        pool: Pool,
        now: float,
        tried: Sequence[Deployment] = (),
        scope: str | None = None,
        caller: bytes | None = None,
        tokens: int = 0,
    ) -> Deployment | Unavailable:
        """HOT. Takes a slot of the deployment it returns: `settle` it exactly once.

        `tokens`: what the request is expected to use, for quotas; 0: unknown.
        `scope` pins to an object's keys: those in the pool, else all that there are; a scope that left the
        configuration pins nothing, so the upstream itself says that the object is unknown.
        `caller` keeps a caller's new objects together, before tiers, unless its keys are tried or at capacity: where
        those go that name no model, if the pool reaches that project.
        """
        if scope is not None:
            return (pool.part(scope) or self._scopes.get(scope, pool)).take(now, tried, tokens)
        home = self._home(pool, caller, now) if caller is not None else None
        if home is not None:
            picked = home.take(now, tried, tokens)
            if isinstance(picked, Deployment):
                return picked
        return pool.take(now, tried, tokens)

    def _home(self, pool: Pool, caller: bytes, now: float) -> Pool | None:
        nameless = self._pass_through
        if nameless is None or nameless is pool:
            return pool.home(caller, now)
        home = nameless.home(caller, now)
        there = pool.part(home.deployments[0].object_scope) if home is not None else None
        return pool.home(caller, now) if there is None else there

    def answered(
        self,
        deployment: Deployment,
        now: float,
        limits: Limits | None = None,
        picked_at: float | None = None,
        tokens: int = 0,
    ) -> None:
        """A good answer has begun: a benched key is back now, not when its long stream ends. Optional.

        `limits`: what its head says of the key's quota. `picked_at`, `tokens`: when its request was picked, and
        the estimate given then: what was sent since is subtracted, itself not.
        """
        state = self._states.get(deployment.id)
        if state is not None:
            state.answered(now, limits, picked_at, tokens)

    def settle(self, deployment: Deployment, result: Result, now: float, tokens: int | None = None) -> None:
        """HOT. Exactly once per successful pick. Nothing to do for a deployment that a reload removed.

        `tokens`: the estimate that was given to `pick`; None: an average share of what is reserved is given back.
        """
        state = self._states.get(deployment.id)
        if state is not None:
            state.settle(result, now, tokens)

    def listens(self, deployment: Deployment, now: float) -> bool:
        """HOT. Whether to tell by `answered` of a good answer, and to read what it says of its key's quota."""
        state = self._states.get(deployment.id)
        return state is not None and (state.health.benched or state.wants_limits(now))

    def rests(self, deployment: Deployment, now: float) -> bool:
        """Whether one that was picked before would not be picked now, for what was learned of it since."""
        state = self._states.get(deployment.id)
        return state is not None and state.rests(now)

    def hold(self, deployment_id: str, hold: Hold, now: float) -> bool:
        """The operator's word: bench, drain or revive. False: no such deployment."""
        state = self._states.get(deployment_id)
        if state is None:
            return False
        state.hold(hold, now)
        return True

    def pass_through_pool(self) -> Pool | None:
        """For requests that name no model (`routing.through`). None: the request must name one."""
        return self._pass_through

    def scope_pool(self, scope: str) -> Pool | None:
        return self._scopes.get(scope)

    def model_names(self) -> tuple[str, ...]:
        """Groups without wildcards, then visible aliases, in the order of the configuration."""
        return self._names

    def snapshot(self, now: float) -> tuple[DeploymentStatus, ...]:
        return tuple(describe(member.deployment, member.state, now) for member in self._members)

    def carry_over(self, old: Router) -> None:
        """Takes over counts and health of deployments with the same id; call it before the first pick.

        The states are shared: what requests begun under `old` teach still arrives here.
        """
        for member in self._members:
            state = old._states.get(member.deployment.id)
            if state is not None:
                state.reload(member.deployment, self._settings)
                self._states[member.deployment.id] = member.state = state
        for pool in self._pools():
            pool.watch()

    def _member(self, deployment: Deployment) -> Member:
        state = self._states.get(deployment.id)
        if state is None:
            state = self._states[deployment.id] = DeploymentState(deployment, self._settings)
        return Member(deployment, state, self._settings)

    def _pools(self) -> Iterable[Pool]:
        yield from self._groups.values()
        yield from self._scopes.values()
        if self._pass_through is not None:
            yield self._pass_through

    def _pool(self, members: Sequence[Member], *, compares: bool = False) -> Pool:
        good = served(members)
        if not good:
            return Unserved(members)
        return Pool(good, self._strategy, self._dice, compares=compares)

    def _pools_by(self, members: Iterable[tuple[str, Member]], *, compares: bool = False) -> dict[str, Pool]:
        named: dict[str, list[Member]] = {}
        for name, member in members:
            named.setdefault(name, []).append(member)
        return {name: self._pool(group, compares=compares) for name, group in named.items()}

    def _is_listed(self, name: str) -> bool:
        found = None if "*" in name else self._lookup.find(name)
        return found is not None and not isinstance(self._groups[found.group], Unserved)
