"""One worker's gateway: what it keeps, what a reload exchanges, and a pipeline behind two doors."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from proxy.accounting.bus import Records
from proxy.config.schema import Config
from proxy.edge.asgi import AsgiApp
from proxy.edge.http1 import Doorway
from proxy.gateway.pipeline import Pipeline
from proxy.limits.values import Rule
from proxy.process.orders import Order
from proxy.routing.facts import FactBoard
from proxy.routing.router import Router
from proxy.storage.status import StateStatus
from proxy.types import Deployment
from proxy.upstream.dialling import Dial
from proxy.wire.reactor import Poller
from proxy.worker.facts import Facts
from proxy.worker.holds import Holds
from proxy.worker.kept import NOTHING_GIVEN, Given, Kept
from proxy.worker.pages import Pages
from proxy.worker.parts import Parts
from proxy.worker.plant import Plant
from proxy.worker.reaching import Reaching
from proxy.worker.settings import door_limits
from proxy.worker.shares import Shares


class Gateway:
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
        given: Given = NOTHING_GIVEN,
    ) -> None:
        """Raises ConfigError when the deployments cannot be made. Call it inside the worker's process.

        `pass_on`: tells the other workers what the operator said; False when it cannot. `poller` and `dial`: what
        sockets are watched with and made by, if not by the kernel. `board`: where workers tell each other what they
        learn of upstreams.
        """
        limits = config.sluice_settings
        self.worker = worker
        self.recorder = recorder
        self.kept = Kept(config, given)
        self.shares = Shares(limits)
        self.reaching = Reaching(limits, poller, dial)
        self.reactor = self.reaching.reactor
        self.facts = Facts(board)
        self.tasks: Sequence[Callable[[], Awaitable[object]]] = ()
        """Kept up beside the gateway's own, while it serves."""
        self.holds = Holds(self, pass_on, self.shares.room.call_next)
        pages = Pages(self.reaching, self.kept, self.holds, lambda: self.doorway.draining, worker)
        self._plant = Plant(self.reaching, self.kept, self.shares, pages, recorder)
        self._parts, self.pipeline = self.prepare(config, environ)
        self._serve_with(self._parts)
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

    def deployment(self, id_: str) -> Deployment | None:
        return self._parts.by_id.get(id_)

    def is_page(self, route: str) -> bool:
        """One of the gateway's own, by the name that its record has."""
        return route in self._plant.page_paths

    # -- while it serves

    @property
    def background(self) -> list[Callable[[], Awaitable[object]]]:
        """The tasks that it has for good."""
        kept = self.kept
        owners = [owner for owner in (kept.state, kept.register, kept.telemetry) if owner is not None]
        return [*self.reaching.tasks, self.recorder.run, *(owner.run for owner in owners), *self.tasks]

    async def begin(self) -> None:
        await self.kept.begin()

    async def listen(self) -> None:
        """What other workers learn of upstreams holds here too. Until cancelled."""
        await self.facts.listen(lambda: self.router.layers, self.shares.room.call_next)

    def finish(self) -> None:
        """Once its tasks have ended: what is to be kept is written. Blocks, for as long as each bounds it."""
        self.reaching.pool.close()
        self.recorder.flush()
        self.kept.finish()

    # -- reloads

    def reload(self, config: Config, environ: Mapping[str, str]) -> None:
        """New requests get the new parts, running ones finish with the old. Raises ConfigError, and nothing changed."""
        self.adopt(*self.prepare(config, environ))

    def prepare(self, config: Config, environ: Mapping[str, str]) -> tuple[Parts, Pipeline]:
        """The slow part of a reload: changes nothing, so that a thread may do it. Raises ConfigError."""
        return self._plant.make(config, environ)

    def adopt(self, parts: Parts, pipeline: Pipeline) -> None:
        """Deployments that stay keep counts and health; what the operator said of others, before, holds again."""
        old, self._parts = self._parts, parts
        parts.router.carry_over(old.router)
        self._serve_with(parts)
        self.holds.repeat(parts.router, parts.by_id.keys() - old.by_id.keys())
        limits = parts.config.sluice_settings
        self.reaching.configure(limits)
        self.shares.configure(limits)
        self.kept.configure(parts.config)
        self.pipeline = pipeline
        doors = self.doorway.limits = self.app.limits = door_limits(limits)
        self.doorway.parser.configure(doors.header_bytes, doors.headers, doors.head_memory_bytes)
        self.doorway.serve = self.app.serve = pipeline.serve

    def _serve_with(self, parts: Parts) -> None:
        self.reaching.renewals.serve(parts.destinations)
        parts.router.on_change(self.facts.changed)
        self.reaching.confirm_for(parts.router)

    # -- how it is

    @property
    def requests_under_way(self) -> int:
        """Those that have not had the end of their answer; the gateway's own pages are not counted."""
        return self.shares.retries.requests

    @property
    def requests_waiting(self) -> int:
        return len(self.shares.room) + len(self.shares.turns)

    @property
    def limits_waiting(self) -> int:
        """Requests that wait for a limit of their key, team, user, customer or tag."""
        return len(self.shares.turns)

    @property
    def client_connections(self) -> int:
        return len(self.doorway.connections)

    @property
    def idle_upstream_connections(self) -> int:
        return self.reaching.pool.idle()

    def state_status(self) -> StateStatus | None:
        """None: there is no state file."""
        return None if self.kept.state is None else self.kept.state.status()

    def contained(self) -> Mapping[str, int]:
        """Errors that walls have stopped, by kind of guest."""
        return self.reactor.walls.counts()

    def budgets(self) -> Iterator[tuple[Rule, int]]:
        """Of those who have asked of late: nano-dollars that are spent, or reserved by running requests."""
        now = time.monotonic()
        for rule in () if self._parts.plans is None else self._parts.plans.rules():
            standing = self.kept.spending.ledger.standing(rule, now)
            if standing is not None:
                yield rule, standing.spent + standing.reserved
