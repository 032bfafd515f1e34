"""One seed from its plan to its story: the gateway's own parts are served as a worker serves them."""

from __future__ import annotations

import logging
import random
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import trio
from trio._core._run import GLOBAL_RUN_CONTEXT

from loadtest.sim.actors import Actor, Script
from loadtest.sim.clients import Client
from loadtest.sim.clock import VirtualClock
from loadtest.sim.holders import NotedLedger, standing
from loadtest.sim.network import Network
from loadtest.sim.plan import Plan, UpstreamPlan
from loadtest.sim.platforms import Platform, PlatformPlan
from loadtest.sim.recording import KeptRecords, observed
from loadtest.sim.seeding import seeded
from loadtest.sim.sockets import End
from loadtest.sim.story import AtRest, Chronicle
from loadtest.sim.upstreams import Upstream
from proxy.access.identity import token_of
from proxy.config.load import Loaded, load
from proxy.edge.http1 import serve_socket
from proxy.limits.layout import Layout
from proxy.upstream.connecting import Connector
from proxy.worker.assembly import Gateway
from proxy.worker.kept import Given
from proxy.worker.serving import serve_accepted
from proxy.worker.spending import Spending

_UPSTREAMS: dict[type[UpstreamPlan], type[Upstream]] = {UpstreamPlan: Upstream, PlatformPlan: Platform}
BEGUN_S = 0.001
ROWS = 16
"""Of the ledger: a few keys."""
REST_S = 130.0
"""After it nothing of the last minute's counts is left."""


def play(plan: Plan) -> Chronicle:
    """What happens by this plan: always the same."""
    clock = VirtualClock(random.Random(f"{plan.seed} clock"))
    story = Chronicle(clock)
    with seeded(clock, plan.seed), _bugs_kept(story):
        trio.run(_Run(plan, clock, story).run, clock=clock)
    return story


class _Run:
    def __init__(self, plan: Plan, clock: VirtualClock, story: Chronicle) -> None:
        self._plan = plan
        self._clock = clock
        self._story = story
        self._network = Network(clock, random.Random(f"{plan.seed} network"), story)
        self._stop = trio.Event()
        self._at_once = trio.Event()
        self._all_gone = trio.Event()
        self._gone = 0
        loaded = _loaded(plan.config)
        self._records = KeptRecords(clock, story)
        self._ledger = _ledger(story)
        self._gateway = Gateway(
            loaded.config,
            loaded.environ,
            self._records,
            poller=self._network.poller,
            dial=self._network.dial,
            given=Given(spending=Spending(self._ledger, None, clock.monotonic)),
        )
        reaching = self._gateway.reaching
        reaching.preopener.connector = Connector(reaching.reactor, reaching.pool, self._network.dial_ahead)
        self._watch()

    async def run(self) -> None:
        plan, clock, story = self._plan, self._clock, self._story
        for upstream in plan.upstreams:
            made = _UPSTREAMS[type(upstream)](upstream, clock, plan.seed, story)
            self._network.listeners[upstream.name] = made.listener
        for client in plan.clients:
            Actor(clock, self._counted(Client(client, clock, self._network, story).run())).begin(
                client.starts_s
            )
        for reload in plan.reloads:
            clock.after(reload.at_s, partial(self._reload, reload.config))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_accepted, self._gateway, self._accept, self._at_once)
            await trio.sleep(BEGUN_S)
            story.tasks_at_start = _tasks()
            if plan.stops_s is not None:
                await trio.sleep(plan.stops_s)
                self._tell_to_stop()
                if plan.at_once_s is not None:
                    clock.after(plan.at_once_s, self._at_once.set)
            else:
                await self._all_gone.wait()
                await trio.sleep(plan.settles_s + REST_S)
                self._look()
                self._tell_to_stop()
        story.ended_s = clock.now
        await self._all_gone.wait()
        await trio.sleep(plan.settles_s)
        story.open_at_end = [end.name for end in self._network.ends.values()]
        story.registered_at_end = len(self._network.poller.registered)
        clock.forget()

    def _counted(self, script: Script) -> Script:
        yield from script
        self._gone += 1
        if self._gone == len(self._plan.clients):
            self._all_gone.set()

    def _tell_to_stop(self) -> None:
        self._story.stopped_s = self._clock.now
        self._story.tell("operator", "stops the worker")
        self._stop.set()

    async def _accept(self, connections: trio.Nursery) -> None:
        """In the place of the listeners: clients that enter are served as accepted sockets are."""

        def enter(end: End) -> None:
            connections.start_soon(_serve, self._gateway, end)

        self._network.door = enter
        await self._stop.wait()
        self._network.door = None
        self._gateway.doorway.drain()

    def _reload(self, config: str) -> None:
        self._story.tell("operator", "reloads")
        loaded = _loaded(config)
        self._gateway.adopt(*self._gateway.prepare(loaded.config, loaded.environ))
        self._watch()

    def _watch(self) -> None:
        self._gateway.doorway.serve = observed(self._gateway.doorway, self._records)

    def _look(self) -> None:
        gateway = self._gateway
        states = gateway.router.snapshot(self._clock.monotonic())
        budget, room = gateway.shares.retries, gateway.shares.room
        self._story.at_rest = AtRest(
            links=len(gateway.reactor),
            idle=gateway.reaching.pool.idle(),
            in_flight={state.id: state.in_flight for state in states},
            tokens_held={state.id: state.tpm_used for state in states},
            tasks=_tasks(),
            budget=(budget.requests, budget.retrying),
            waiting=len(room) + gateway.limits_waiting,
            woken=gateway.reactor.woken,
            standings={
                holder.alias: standing(self._ledger, token_of(holder.key.encode()), self._clock.monotonic())
                for holder in self._plan.holders
            },
        )


def _ledger(story: Chronicle) -> NotedLedger:
    layout = Layout(ROWS, 1)
    ledger = NotedLedger(memoryview(bytearray(layout.size)), threading.Lock(), layout)
    ledger.deeds = story.deeds
    return ledger


async def _serve(gateway: Gateway, end: End) -> None:
    await serve_socket(gateway.doorway, cast(socket.socket, end), _never)


async def _never(_sock: socket.socket, replayed: bytes) -> None:
    raise AssertionError(f"no client here speaks anything but HTTP/1.1: {replayed[:80]!r}")


def _tasks() -> int:
    return len(GLOBAL_RUN_CONTEXT.runner.tasks)


def _loaded(config: str) -> Loaded:
    """Through the file, as the operator's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config)
        return load(path, {})


@contextmanager
def _bugs_kept(story: Chronicle) -> Iterator[None]:
    """What the gateway logs as its own failure."""
    handler = _Keeping(story)
    log = logging.getLogger("sluice")
    log.addHandler(handler)
    propagate, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate


class _Keeping(logging.Handler):
    def __init__(self, story: Chronicle) -> None:
        super().__init__(logging.ERROR)
        self._story = story
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._story.bugs.append(self.format(record))
