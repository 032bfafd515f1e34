"""Builds every part once: from the configuration to a pipeline behind two doors."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from proxy import __version__, control
from proxy.access.directory import Directory
from proxy.access.keys import Keys
from proxy.access.periods import zone_of
from proxy.accounting.bus import UNRECORDED, Records
from proxy.accounting.counting import Counted, CountedHere
from proxy.config.callbacks import named
from proxy.config.schema import Config
from proxy.control.refusals import workers_not_told
from proxy.credentials import Withheld, withheld
from proxy.edge.asgi import AsgiApp
from proxy.edge.http1 import Doorway
from proxy.gateway.accounts.accounts import Accounts
from proxy.gateway.accounts.estimate import Estimator
from proxy.gateway.accounts.plans import Plans
from proxy.gateway.accounts.refusals import RefusalSettings
from proxy.gateway.accounts.turns import Turns
from proxy.gateway.pipeline import KeepPrompt, Pipeline
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.refusals import disk_share_taken, memory_share_taken
from proxy.gateway.reading.routes import Custom, Routes, described
from proxy.gateway.reading.session import namer
from proxy.gateway.telling.cors import Cors
from proxy.gateway.telling.rebinding import HomeGuard
from proxy.gateway.trying.attempts import Attempts, Lasting
from proxy.gateway.trying.confirming import Confirmer
from proxy.gateway.trying.costing import Unpriced
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.reckoning import Reckoning
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.sending import Sending
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.limits.values import Rule
from proxy.pricing.book import PriceBook
from proxy.process.limits import lone_ledger
from proxy.process.orders import LAYER_BYTES, LastWords, Order, target_of
from proxy.providers.body import upstream_model
from proxy.providers.table import deployments, env_deployment
from proxy.routing.affinity import MemoryStore, ObjectStore
from proxy.routing.facts import FactBoard
from proxy.routing.router import Hold, Router, Suspicion
from proxy.storage.conversations import StoredConversations
from proxy.storage.file import StateFile
from proxy.storage.objects import StoredObjects
from proxy.storage.problems import StateError
from proxy.storage.prompts import Prompts, redactions
from proxy.storage.status import StateStatus
from proxy.types import Deployment, Layer, Page
from proxy.upstream.client import UpstreamClient
from proxy.upstream.connecting import Connector
from proxy.upstream.destination import Destination, Forwarding
from proxy.upstream.dialling import Dial, Dialler
from proxy.upstream.pool import ConnectionPool
from proxy.upstream.preopening import Preopener
from proxy.upstream.resolving import Resolver
from proxy.wire.reactor import Poller, Reactor
from proxy.worker.facts import Facts
from proxy.worker.register import Desk, Register, SpendDesk
from proxy.worker.renewing import Renewals
from proxy.worker.reporting import Known, StateReports
from proxy.worker.settings import (
    MEBIBYTE,
    UNNAMED,
    attempt_settings,
    configured_keys,
    destination_of,
    door_limits,
    following_settings,
    intake_limits,
    native_forwarding,
    origins_allowed,
    pass_through_route,
    pass_through_target,
    plan_settings,
    price_book,
    quotes,
    reserved_secrets,
    router_of,
    session_affinity,
    tenancy_of,
)
from proxy.worker.spending import Spending
from proxy.worker.telemetry import Telemetry


class Parts:
    """What one configuration makes, and the next replaces."""

    def __init__(self, config: Config, environ: Mapping[str, str], store: ObjectStore) -> None:
        """Raises ConfigError when the deployments cannot be made."""
        env = env_deployment(environ)
        served = [
            *deployments(config, environ),
            *map(pass_through_target, config.general_settings.pass_through_endpoints),
        ]
        self.config = config
        self.by_id = {deployment.id: deployment for deployment in (*served, *([env] if env else []))}
        self.router = router_of(config, served, env, store)
        self.plans: Plans | None = None
        self.destinations: tuple[Destination, ...] = ()
        self.side: Pipeline | None = None
        """Of the port where there is nothing but metrics."""

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.router.model_names() if name != UNNAMED)


class Gateway:
    """One worker's parts, wired: those that it keeps, and those that a reload exchanges."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        recorder: Records,
        worker: int = 1,
        pass_on: Callable[[Order], bool] = lambda _: True,
        poller: Poller | None = None,
        dial: Dial | None = None,
        board: FactBoard | None = None,
        counted: Counted | None = None,
        state: StateFile | None = None,
        telemetry: Telemetry | None = None,
        spending: Spending | None = None,
        objects: StoredObjects | None = None,
        conversations: StoredConversations | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        """Raises ConfigError when the deployments cannot be made. Call it inside the worker's process.

        `pass_on`: tells the other workers what the operator said; False when it cannot. `poller` and `dial`: what
        sockets are watched with and made by, if not by the kernel. `board`: where workers tell each other what they
        learn of upstreams. `counted`: whose usage one of them has counted; None: this is the only one. `state`: what
        outlives this process; None: nothing does. `telemetry`: what `/metrics` shows; None: there is no such page.
        `spending`: who has had how much; None: this process knows alone, and forgets it at its end.
        `objects`: which project holds which; None: this process remembers alone. `conversations`: of /responses; None:
        nobody can go on from one. `prompts`: where they are kept; None: nowhere.
        """
        limits = config.sluice_settings
        self.worker = worker
        self.reactor = Reactor(poller)
        self.pool = ConnectionPool(limits.upstream_idle_connections, limits.upstream_idle_timeout_s)
        self.resolver = Resolver(limits.dns_fresh_s, limits.dns_stale_s)
        self.recorder = recorder
        self.state = state
        self.directory = Directory()
        self.directory.configure(configured_keys(config), reserved_secrets(config))
        self.register = None if state is None else Register(state, self.directory)
        self.spending = spending or Spending(lone_ledger(limits.limited_subjects), None, time.monotonic)
        self._objects = objects
        self._conversations = conversations
        self._prompts = prompts
        self._store = MemoryStore(limits.remembered_objects) if objects is None else objects
        self._desk = None if self.register is None else Desk(self.register, self.directory)
        self._budget = RetryBudget(limits.retry_budget_percent, limits.retry_budget_min)
        self._room = WaitingRoom(limits.queue_limit, limits.queue_timeout_s, time.monotonic)
        self._turns = Turns(limits.queue_limit, limits.queue_timeout_s, time.monotonic)
        self._memory = Budget(int(limits.held_bodies_mb * MEBIBYTE), memory_share_taken)
        self._disk_share = Budget(int(limits.spool_total_mb * MEBIBYTE), disk_share_taken)
        self._counted: Counted = CountedHere() if counted is None else counted
        self.unpriced = Unpriced()
        self._reckoning = Reckoning()
        self._pass_on = pass_on
        self._said = LastWords()
        self.facts = Facts(board)
        self.telemetry = telemetry
        self._key_headers: set[str] = set()
        self._page_paths: frozenset[str] = frozenset()
        self.tasks: Sequence[Callable[[], Awaitable[object]]] = ()
        """Kept up beside the gateway's own, while it serves."""
        self.renewals = Renewals()
        self._connector = Connector(
            self.reactor, self.pool, dial or Dialler(self.reactor, self.resolver).dial
        )
        client = UpstreamClient(self.pool, self._connector)
        self.confirmer = Confirmer(self.reactor, client, self._admitted)
        self.preopener = Preopener(
            self.reactor, self.pool, self._connector, limits.upstream_preopened_connections
        )
        self._parts, self.pipeline = self.prepare(config, environ)
        self.renewals.serve(self._parts.destinations)
        self.router.on_change(self.facts.changed)
        self._confirm_for(self._parts.router)
        self.doorway = Doorway(self.reactor, door_limits(limits), self.pipeline.serve)
        self.app = AsgiApp(self.reactor, self.doorway.limits, self.doorway.parser, self.pipeline.serve)

    @property
    def config(self) -> Config:
        return self._parts.config

    @property
    def router(self) -> Router:
        return self._parts.router

    @property
    def side(self) -> Pipeline | None:
        return self._parts.side

    @property
    def by_id(self) -> Mapping[str, Deployment]:
        return self._parts.by_id

    @property
    def model_names(self) -> tuple[str, ...]:
        return self._parts.model_names

    def finish(self) -> None:
        """Once its tasks have ended: what is to be kept is written. Blocks, for as long as each bounds it."""
        self.pool.close()
        self.recorder.flush()
        if self._objects is not None:
            with suppress(StateError):  # it has been told
                self._objects.finish()
        if self.state is not None:
            self.state.close()

    @property
    def background(self) -> list[Callable[[], Awaitable[object]]]:
        """The tasks that it has for good."""
        upkeep = [
            self.resolver.run,
            self.pool.reap,
            self.preopener.run,
            self.recorder.run,
            self.confirmer.run,
            self.renewals.run,
        ]
        state = [] if self.state is None else [self.state.run]
        register = [] if self.register is None else [self.register.run]
        telemetry = [] if self.telemetry is None else [self.telemetry.run]
        return [*upkeep, *state, *register, *telemetry, *self.tasks]

    @property
    def requests_under_way(self) -> int:
        """Those that have not had the end of their answer; the gateway's own pages are not counted."""
        return self._budget.requests

    @property
    def requests_waiting(self) -> int:
        return len(self._room) + len(self._turns)

    def budgets(self) -> Iterator[tuple[Rule, int]]:
        """Of those who have asked of late: nano-dollars that are spent, or reserved by running requests."""
        now = time.monotonic()
        for rule in () if self._parts.plans is None else self._parts.plans.rules():
            standing = self.spending.ledger.standing(rule, now)
            if standing is not None:
                yield rule, standing.spent + standing.reserved

    def state_status(self) -> StateStatus | None:
        """None: there is no state file."""
        return None if self.state is None else self.state.status()

    @property
    def client_connections(self) -> int:
        return len(self.doorway.connections)

    @property
    def idle_upstream_connections(self) -> int:
        return self.pool.idle()

    def contained(self) -> Mapping[str, int]:
        """Errors that walls have stopped, by kind of guest."""
        return self.reactor.walls.counts()

    def deployment(self, id_: str) -> Deployment | None:
        return self._parts.by_id.get(id_)

    @property
    def limits_waiting(self) -> int:
        """Requests that wait for a limit of their key, team, user, customer or tag."""
        return len(self._turns)

    def is_page(self, route: str) -> bool:
        """One of the gateway's own, by the name that its record has."""
        return route in self._page_paths

    def reload(self, config: Config, environ: Mapping[str, str]) -> None:
        """New requests get the new parts, running ones finish with the old. Raises ConfigError, and nothing changed."""
        self.adopt(*self.prepare(config, environ))

    def prepare(self, config: Config, environ: Mapping[str, str]) -> tuple[Parts, Pipeline]:
        """The slow part of a reload: changes nothing, so that a thread may do it. Raises ConfigError."""
        parts = Parts(config, environ, self._store)
        return parts, self._pipeline(parts, origins_allowed(config, environ))

    def adopt(self, parts: Parts, pipeline: Pipeline) -> None:
        """Deployments that stay keep counts and health; what the operator said of others, before, holds again."""
        old, self._parts = self._parts, parts
        self.renewals.serve(parts.destinations)
        parts.router.carry_over(old.router)
        parts.router.on_change(self.facts.changed)
        self._confirm_for(parts.router)
        now = time.monotonic()
        for deployment_id, hold in self._said.of(parts.by_id.keys() - old.by_id.keys()):
            parts.router.hold(deployment_id, hold, now)
        for layer, hold in self._said.of_layers():
            if hold.holds(now):
                _hold_layer(parts.router, layer, hold, now)
        limits = parts.config.sluice_settings
        self.resolver.configure(limits.dns_fresh_s, limits.dns_stale_s)
        self.preopener.most = limits.upstream_preopened_connections
        self._budget.configure(limits.retry_budget_percent, limits.retry_budget_min)
        self._room.configure(limits.queue_limit, limits.queue_timeout_s)
        self._turns.configure(limits.queue_limit, limits.queue_timeout_s)
        self._memory.limit_bytes = int(limits.held_bodies_mb * MEBIBYTE)
        self._disk_share.limit_bytes = int(limits.spool_total_mb * MEBIBYTE)
        self._room.call_next()
        self.directory.configure(configured_keys(parts.config), reserved_secrets(parts.config))
        self.pipeline = pipeline
        doors = self.doorway.limits = self.app.limits = door_limits(limits)
        self.doorway.parser.configure(doors.header_bytes, doors.headers, doors.head_memory_bytes)
        self.doorway.serve = self.app.serve = pipeline.serve

    async def begin(self) -> None:
        """What the state file knows of keys is known here; of one that cannot be read now, as soon as it can."""
        if self.register is not None:
            with suppress(StateError):
                await self.register.refresh()
        await self.spending.inherit()

    def _admitted(self, deployment: Deployment) -> Destination:
        """For a call of the gateway's own."""
        destination = destination_of(deployment, forwards_organization=False)
        destination.admit(self.renewals.headers(deployment))
        return destination

    def _confirm_for(self, router: Router) -> None:
        """Keys that are suspected there are asked for."""

        def tell(suspicion: Suspicion, refused: bool) -> None:  # noqa: FBT001 - the verdict
            router.confirm(suspicion, time.monotonic(), right=refused)

        router.on_suspicion(lambda suspicion: self.confirmer.hear(suspicion, tell))

    def obey(self, order: Order) -> None:
        """What another worker was told."""
        self._said.add(order)
        if order.layer:
            _hold_layer(self.router, order.layer, order.hold, time.monotonic())
        for deployment_id in () if order.layer else self.by_id:
            if target_of(deployment_id) == order.target:
                self.router.hold(deployment_id, order.hold, time.monotonic())
        self._room.call_next()

    async def listen(self) -> None:
        """What other workers learn of upstreams holds here too. Until cancelled."""
        await self.facts.listen(lambda: self.router.layers, self._room.call_next)

    def _hold(self, deployment_id: str, word: control.Word, length_s: float | None) -> bool:
        """What this worker was told."""
        now = time.monotonic()
        hold = _HOLDS[word](math.inf if length_s is None else now + length_s)
        if not self.router.hold(deployment_id, hold, now):
            return False
        self._spread(Order(target_of(deployment_id), hold))
        return True

    def _hold_a_layer(self, layer: str, word: control.Word, length_s: float | None) -> bool:
        """The same of a host, a key, a key's model or kind of request: `key/0123456789ab`."""
        now = time.monotonic()
        hold = _HOLDS[word](math.inf if length_s is None else now + length_s)
        if len(layer.encode()) > LAYER_BYTES or not _hold_layer(self.router, layer, hold, now):
            return False
        self._spread(Order(target_of(f"layer/{layer}"), hold, layer))
        return True

    def _spread(self, order: Order) -> None:
        self._room.call_next()
        self._said.add(order)
        if not self._pass_on(order):
            raise workers_not_told()

    def _pipeline(self, parts: Parts, origins: Sequence[str]) -> Pipeline:
        config, router = parts.config, parts.router
        general = config.general_settings
        forwards_organization = general.forward_openai_org_id is True
        served = {id_: d for id_, d in parts.by_id.items() if d.unservable is None}
        destinations = {id_: destination_of(d, forwards_organization) for id_, d in served.items()}
        through = (each.through for each in destinations.values() if each.through is not None)
        parts.destinations = (*destinations.values(), *through)
        for destination in parts.destinations:
            self.renewals.prepare(destination)
        client = UpstreamClient(self.pool, self._connector)
        everything = Forwarding(self._withheld(config))
        sender = Sender(native_forwarding(general, everything), everything)
        book, tenancy = price_book(config), tenancy_of(config)
        attempts = Attempts(
            router,
            destinations,
            Sending(client, sender),
            attempt_settings(config),
            following_settings(config),
            Lasting(
                self._budget,
                self._room,
                self._counted,
                unpriced=self.unpriced,
                reckoning=self._reckoning,
                conversations=self._conversations,
                objects=self._objects,
            ),
            book,
            tenancy,
        )
        parts.side = self._side_pipeline(parts, attempts)
        customs = [pass_through_route(endpoint) for endpoint in general.pass_through_endpoints]
        header = general.litellm_key_header_name
        pages = self._pages(parts, customs, book)
        self._page_paths = frozenset(page.path for page in pages)
        return Pipeline(
            Routes(pages, customs),
            Keys(general.master_key, header.lower().encode() if header else None, self.directory),
            router,
            attempts,
            self.recorder,
            intake_limits(config, self._memory, self._disk_share),
            Cors(origins),
            self.reactor.walls.requests,
            None if general.master_key else HomeGuard(origins),
            None if self._desk is None else self._desk.seek,
            self._accounts(parts, book),
            self._objects,
            tenancy,
            named=namer(session_affinity(config)),
            keep_prompt=self._keep_prompt(config),
            traces=any(callback.name == "otel" for callback in named(config.litellm_settings)),
        )

    def _keep_prompt(self, config: Config) -> KeepPrompt | None:
        """Raises ConfigError for a redaction that is no regular expression."""
        secrets = redactions(config.sluice_settings.prompt_redactions)
        if self._prompts is None or not config.sluice_settings.store_prompts:
            return None
        self._prompts.configure(config.sluice_settings.stored_prompt_chars, secrets)
        return self._prompts.keep

    def _accounts(self, parts: Parts, book: PriceBook) -> Accounts:
        config = parts.config
        parts.plans = Plans(self.directory, plan_settings(config))
        return Accounts(
            self.spending.ledger,
            parts.plans,
            Estimator(quotes(book), config.sluice_settings.assumed_output_tokens),
            self.spending,
            time.monotonic,
            time.time,
            self._turns,
            config.sluice_settings.total_timeout_s,
            RefusalSettings(config.litellm_settings.budget_exceeded_status_code),
        )

    def _side_pipeline(self, parts: Parts, attempts: Attempts) -> Pipeline | None:
        config = parts.config
        token = config.sluice_settings.metrics_token
        if self.telemetry is None or config.sluice_settings.metrics_port is None:
            return None
        page = control.metrics_page(self.telemetry.render, token, public=token is None)
        limits = intake_limits(config, self._memory, self._disk_share)
        routes = Routes([page], (), only_pages=True)
        return Pipeline(routes, Keys(token), parts.router, attempts, UNRECORDED, limits)

    def _withheld(self, config: Config) -> Withheld:
        """Clients that were not told of a new key header yet send the old one: it stays a credential."""
        if config.general_settings.litellm_key_header_name:
            self._key_headers.add(config.general_settings.litellm_key_header_name)
        ours = config.sluice_settings
        return withheld(self._key_headers, ours.withheld_headers, ours.passed_headers)

    def _pages(self, parts: Parts, customs: Sequence[Custom], book: PriceBook) -> tuple[Page, ...]:
        router = parts.router
        return control.pages(
            version=__version__,
            snapshot=lambda: router.snapshot(time.monotonic()),
            model_names=lambda: parts.model_names,
            serves=lambda model: router.match(model) is not None,
            behind=control.UpstreamModels(
                parts.by_id.values(),
                partial(_group_of, router),
                parts.config.sluice_settings.model_list_ttl_s,
                partial(control.ask_upstream, more=self.renewals.headers),
            ),
            routes=lambda: [control.RouteInfo(*row) for row in described(customs)],
            draining=lambda: self.doorway.draining,
            candidates=partial(_candidates, router),
            look_up=book.find,
            probe=control.HttpProbe(parts.by_id.get, self.renewals.headers),
            find=parts.by_id.get,
            layers=lambda: router.layer_statuses(time.monotonic()),
            hold=self._hold,
            hold_layer=self._hold_a_layer,
            worker=self.worker,
            contained=self.reactor.walls.counts,
            state=self.state_status,
            reports=control.NOTHING_KEPT if self.state is None else StateReports(self.state),
            known=Known(self.directory),
            metrics=self._metrics_page(parts.config),
            office=control.Office(
                self._desk, SpendDesk(self.spending), zone_of(parts.config.litellm_settings.timezone)
            ),
        )

    def _metrics_page(self, config: Config) -> Page | None:
        """Without a master key who is on this machine may see them, unless there is a key for just that."""
        ours = config.sluice_settings
        if self.telemetry is None or ours.metrics_port is not None:
            return None  # they have a port of their own
        asks = config.general_settings.master_key or ours.metrics_token
        public = not asks or not config.litellm_settings.require_auth_for_metrics_endpoint
        return control.metrics_page(self.telemetry.render, ours.metrics_token, public=public)


def _candidates(router: Router, model: str) -> Sequence[tuple[Deployment, str]]:
    match = router.match(model)
    if match is None:
        return ()
    return [(each, upstream_model(each, match.wildcard, model)) for each in match.pool.deployments]


def _group_of(router: Router, model: str) -> str | None:
    match = router.match(model)
    return None if match is None else match.pool.deployments[0].group


_HOLDS: dict[control.Word, Callable[[float], Hold]] = {
    "bench": Hold.benched,
    "drain": lambda _: Hold.draining(),
    "revive": lambda _: Hold.revived(),
}


def _hold_layer(router: Router, layer: str, hold: Hold, now: float) -> bool:
    kind, _, id_ = layer.partition("/")
    found = _LAYERS.get(kind)
    return found is not None and router.hold_layer(found, id_, hold, now)


_LAYERS = {kind.value: kind for kind in (Layer.HOST, Layer.KEY, Layer.MODEL, Layer.FAMILY)}
