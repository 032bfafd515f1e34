"""Where a request goes: `match` a model, `pick` a deployment, `settle` what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from proxy.routing.affinity import ObjectStore
from proxy.routing.dice import Dice
from proxy.routing.ground import Layers
from proxy.routing.hold import Hold
from proxy.routing.layered import Report
from proxy.routing.learning import Learning
from proxy.routing.match import Match
from proxy.routing.member import Member
from proxy.routing.patterns import GroupLookup
from proxy.routing.pool import Pool
from proxy.routing.refusal import NOT_SERVED, ON_TRIAL, QUEUED, Unavailable
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.status import DeploymentStatus, LayerStatus, describe, describe_layer
from proxy.routing.strategies import STRATEGIES
from proxy.routing.suspicion import Suspect, Suspicion
from proxy.routing.through import through
from proxy.routing.unserved import Unserved, served
from proxy.routing.wish import ANY, Cause, Wish
from proxy.types import Deployment, Layer, Limits, Result, ResultKind

__all__ = [
    "ANY",
    "NOT_SERVED",
    "ON_TRIAL",
    "QUEUED",
    "Cause",
    "DeploymentStatus",
    "Hold",
    "LayerStatus",
    "Match",
    "Pool",
    "Router",
    "RouterSettings",
    "Suspicion",
    "Unavailable",
    "Wish",
]

_OK = ResultKind.OK


ELSEWHERE = frozenset({"openai", "text-completion-openai", "target"})
"""Providers whose deployments no path of a provider's leads to."""


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
        self.layers = Layers()
        self._settings = settings
        self._learning = Learning(settings)
        self._strategy = STRATEGIES.get(settings.strategy, STRATEGIES["simple-shuffle"])
        self._dice = Dice(seed)
        self._by_id: dict[str, Member] = {}
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
        self._providers = self._pools_by(
            [(m.deployment.provider, m) for m in served(members) if m.deployment.provider not in ELSEWHERE]
        )
        self._lookup = GroupLookup(self._groups, aliases)
        self._exact = {name: Match(self._groups[group], "") for name, group in self._lookup.exact()}
        visible = [*self._groups, *(alias for alias in aliases if alias not in hidden_aliases)]
        self._names = tuple(dict.fromkeys(name for name in visible if self._is_listed(name)))

    def match(self, model: str) -> Match | None:
        """HOT. Exact name, alias, most specific wildcard; None: nobody serves it."""
        exact = self._exact.get(model)
        if exact is not None:
            return exact
        found = self._lookup.find(model)
        return None if found is None else Match(self._groups[found.group], found.wildcard)

    def pick(
        self,
        pool: Pool,
        now: float,
        tried: Sequence[Deployment] = (),
        scope: str | None = None,
        caller: bytes | None = None,
        wish: Wish = ANY,
        session: bytes | None = None,
    ) -> Deployment | Unavailable:
        """HOT. Takes a slot of the deployment it returns: `settle` it exactly once, with the same `wish`.

        `scope` pins to an object's keys: those in the pool, else all that there are; a scope that left the
        configuration pins nothing, so the upstream itself says that the object is unknown.
        `caller` keeps a caller's new objects together, before tiers, unless its keys are tried or at capacity: where
        those go that name no model, if the pool reaches that project.
        `session` keeps a conversation with the project that has its prompt in a cache, while that has room.
        """
        if scope is not None:
            return (pool.part(scope) or self._scopes.get(scope, pool)).take(now, wish, tried)
        if caller is not None:
            home = self._home(pool, caller, now)
            picked = None if home is None else home.take(now, wish, tried, tries=False)
            if isinstance(picked, Deployment):
                return picked
        elif session is not None and len(pool.scopes) > 1:
            seated = pool.seat(session, now, wish, tried)
            if seated is not None:
                return seated
        return pool.take(now, wish, tried)

    def insist(
        self,
        pool: Pool,
        now: float,
        tried: Sequence[Deployment] = (),
        scope: str | None = None,
        wish: Wish = ANY,
    ) -> Deployment | Unavailable:
        """As `pick`, for one that has waited in vain for what others find out: what is foretold refuses nobody."""
        if scope is not None:
            pool = pool.part(scope) or self._scopes.get(scope, pool)
        return pool.insist(now, wish, tried)

    def listens(self, deployment: Deployment, now: float, wish: Wish = ANY) -> bool:
        """HOT. Whether to tell by `answered` of a good answer, and to read what it says of its key's quota."""
        member = self._by_id.get(deployment.id)
        return member is not None and self._learning.listens(member, wish, now)

    def _home(self, pool: Pool, caller: bytes, now: float) -> Pool | None:
        nameless = self._pass_through
        if nameless is None or nameless is pool:
            return pool.home(caller, now)
        home = nameless.home(caller, now)
        there = pool.part(home.scope) if home is not None else None
        return pool.home(caller, now) if there is None else there

    def answered(
        self,
        deployment: Deployment,
        now: float,
        limits: Limits | None = None,
        picked_at: float | None = None,
        wish: Wish = ANY,
    ) -> bool:
        """A good answer has begun: a benched key is back now, not when its long stream ends. Optional.

        `limits`: what its head says of the key's quota. `picked_at`: when its request was picked: what was sent since
        is subtracted, itself not. True: others that wait may be served now, since a trial went well.
        """
        member = self._by_id.get(deployment.id)
        return member is not None and self._learning.answered(member, wish, now, limits, picked_at)

    def settle(
        self,
        deployment: Deployment,
        result: Result,
        now: float,
        wish: Wish = ANY,
        cause: Cause | None = None,
    ) -> None:
        """HOT. Exactly once per successful pick. Nothing to do for a deployment that a reload removed.

        `cause`: the request, where anything but a good answer came of it. The same object for all its attempts.
        """
        member = self._by_id.get(deployment.id)
        if member is None:
            return
        outlier = member.state.settle(result, now, wish.tokens, wish.caller)
        if result.kind is _OK:
            self._learning.succeeded(member, wish, result, now)
        else:
            self._learning.failed(member, wish, result, now, cause or Cause())
        if outlier:
            self._learning.fell_behind(member, wish, now)

    def cleared(self, deployment: Deployment, cause: Cause, now: float) -> None:
        """A request that failed elsewhere gets a good answer here: those that failed it did so of their own."""
        member = self._by_id.get(deployment.id)
        self._learning.cleared(cause, now, 0.0 if member is None else member.cooldown_s)

    def rests(self, deployment: Deployment, now: float, wish: Wish = ANY) -> bool:
        """Whether one that was picked before would not be picked now, for what was learned of it since."""
        member = self._by_id.get(deployment.id)
        if member is None:
            return False
        if member.held(now, wish.family):
            return True
        model = member.model_for(wish)
        seen = member if model is member.model else member.facing(model)
        return not (seen.admits(now, wish.family) or seen.admits_last_resort(now, wish.family))

    def hold(self, deployment_id: str, hold: Hold, now: float) -> bool:
        """The operator's word on an entry: bench, drain or revive. To revive it is to revive what it stands on, too.
        False: no such deployment."""
        member = self._by_id.get(deployment_id)
        if member is None:
            return False
        member.state.hold(hold)
        if not hold.holds(now):
            for layer in (member.host, *member.key.layers()):
                layer.revive(now)
        return True

    def hold_layer(self, kind: Layer, id_: str, hold: Hold, now: float) -> bool:
        """The operator's word on a host, a key, a key's model or kind of request, by the id that `layer_statuses`
        shows. False: no such thing."""
        layer = self.layers.find(kind, id_, now)
        if layer is None:
            return False
        layer.hold(hold, now)
        return True

    def on_suspicion(self, suspect: Suspect) -> None:
        """Who is to confirm suspicions (`Suspicion`): called within `settle`, at most once per key and second, so it
        must not wait; it starts what it needs and returns. Its word comes by `confirm`."""
        self._learning.suspect = suspect

    def confirm(self, suspicion: Suspicion, now: float, *, right: bool) -> None:
        """The verdict of a free call with the key. `right`: the upstream does refuse the key, and it rests as after a
        certain 401. Else nothing rests; where the call itself failed, that is the verdict too."""
        member = self._by_id.get(suspicion.deployment.id)
        if right and member is not None:
            self._learning.confirmed(member, suspicion, now)

    def on_change(self, report: Report) -> None:
        """Whom to tell when something begins or ceases to rest: within `settle`, so it must not wait."""
        self.layers.report = report

    def snapshot(self, now: float) -> tuple[DeploymentStatus, ...]:
        return tuple(self.statuses(now))

    def statuses(self, now: float) -> Iterator[DeploymentStatus]:
        """One by one, for those who let others have their turn between."""
        for member in self._members:
            yield describe(member, now)

    def layer_statuses(self, now: float) -> tuple[LayerStatus, ...]:
        """Hosts and keys, and of their models and kinds of request those of which something is remembered."""
        return tuple(describe_layer(layer, now) for layer in self.layers.all())

    def pass_through_pool(self) -> Pool | None:
        """For requests that name no model (`routing.through`). None: the request must name one."""
        return self._pass_through

    def provider_pool(self, provider: str) -> Pool | None:
        """Every key of one provider's. None: it has none."""
        return self._providers.get(provider)

    def scope_pool(self, scope: str) -> Pool | None:
        return self._scopes.get(scope)

    def names_itself(self, model: str) -> bool:
        """The configuration has a group or an alias of this very name."""
        return model in self._exact

    def model_names(self) -> tuple[str, ...]:
        """Groups without wildcards, then visible aliases, in the order of the configuration."""
        return self._names

    def carry_over(self, old: Router) -> None:
        """Takes over counts of deployments with the same id, and the health of hosts and keys that stay; call it
        before the first pick. A changed credential is a new key.

        The states are shared: what requests begun under `old` teach still arrives here.
        """
        self.layers.take_over(old.layers)
        self._learning.suspect = old._learning.suspect
        for member in self._members:
            member.stand_on(self.layers)
            before = old._by_id.get(member.deployment.id)
            if before is not None:
                before.state.reload(member.deployment, self._settings)
                member.state = before.state
        for pool in self._pools():
            pool.watch()

    def _member(self, deployment: Deployment) -> Member:
        member = self._by_id.get(deployment.id)
        if member is None:
            state = DeploymentState(deployment, self._settings)
            member = Member(deployment, state, self.layers, self._settings)
            self._by_id[deployment.id] = member
        return member

    def _pools(self) -> Iterable[Pool]:
        yield from self._groups.values()
        yield from self._scopes.values()
        yield from self._providers.values()
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
