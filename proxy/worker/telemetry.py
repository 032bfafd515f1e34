"""A worker's metrics: counted from its records, asked of its parts, published for all workers, shown together."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import trio

from proxy import BUILD, __version__
from proxy.accounting.bus import Bus
from proxy.limits.values import UNLIMITED, Rule
from proxy.metrics import families as f
from proxy.metrics.exposition import merged, text
from proxy.metrics.names import Names
from proxy.metrics.records import NANO_DOLLARS, RecordCounter
from proxy.metrics.table import DEFAULT_SERIES_LIMIT, Board, Labels, OwnBoard, Table
from proxy.routing.router import DeploymentStatus, Router
from proxy.sinks.delivery import Delivery
from proxy.storage.status import StateStatus
from proxy.types import Deployment

log = logging.getLogger("sluice")

EVERY_S = 0.5
"""How old other workers' counts may be; what one that is killed had not published in it is lost."""
ASKED_EVERY_S = 5.0
"""How old their levels may be, and what is counted elsewhere: with 1,000 deployments asking takes 15 ms."""
AT_ONCE = 25
"""Deployments, or budgets, asked before the loop has its turn: less than half a millisecond."""
PAGE_BYTES = resource.getpagesize()
BUDGETS_SHOWN = 1_000
"""Keys, teams and users of which budgets are shown: those who asked first."""
_STATES = {"closed": 0, "half_open": 1}
_RESTS = 2
LAYERS_SHOWN = 200
"""Of hosts, keys and models that rest: where more do, the first of them say enough."""


class Watched(Protocol):
    """What is asked of a gateway."""

    @property
    def router(self) -> Router: ...
    @property
    def by_id(self) -> Mapping[str, Deployment]: ...
    @property
    def requests_under_way(self) -> int: ...
    @property
    def requests_waiting(self) -> int: ...
    @property
    def client_connections(self) -> int: ...
    @property
    def idle_upstream_connections(self) -> int: ...
    def contained(self) -> Mapping[str, int]: ...
    def budgets(self) -> Iterator[tuple[Rule, int]]: ...
    def state_status(self) -> StateStatus | None: ...


class Telemetry:
    """One per worker; outlives its configurations."""

    def __init__(self, board: Board | None = None, series_limit: int = DEFAULT_SERIES_LIMIT) -> None:
        """`board`: where all workers publish; None: this is the only one."""
        self._board = OwnBoard() if board is None else board
        self.table = Table(series_limit)
        """What others count and know may be added to its `sources`."""
        self.table.inherit(self._board.inherited())
        self._names = Names(self._find, self._is_configured)
        self.records = RecordCounter(self.table, self._names)
        self._watched: Watched | None = None
        self._ask_at = 0.0
        self._lock = trio.Lock()
        """Held from the first question to what is published: no half of the answers is shown."""
        self._told = False
        """That the numbers do not fit."""
        self.table.sources.append(_tell_process)

    def watch(self, gateway: Watched, bus: Bus, sinks: Sequence[Delivery]) -> None:
        self._watched = gateway
        self.table.sources += (
            partial(_tell_gateway, gateway),
            partial(_tell_bus, bus),
            partial(_tell_sinks, sinks),
        )

    def _find(self, deployment_id: str) -> Deployment | None:
        return None if self._watched is None else self._watched.by_id.get(deployment_id)

    def _is_configured(self, model: str) -> bool:
        return self._watched is not None and self._watched.router.names_itself(model)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = time.monotonic() + EVERY_S
            await trio.sleep(EVERY_S)
            now = time.monotonic()
            self.table.observe(f.LOOP_LAG, max(0.0, now - due))
            async with self._lock:
                if now >= self._ask_at:
                    await self._ask()
                self._publish(time.monotonic())

    def _publish(self, now: float) -> None:
        if not self.table.publish(self._board, now) and not self._told:
            self._told = True
            log.warning(
                "metrics: %d series are more than is shared by workers: they stand still", self.table.size
            )

    async def _ask(self) -> None:
        self._ask_at = time.monotonic() + ASKED_EVERY_S
        for _ in self.table.ask():
            await trio.lowlevel.checkpoint()

    async def render(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - `control.Render`
        """The numbers of all workers. This one's are published before they are shown, so that what was shown stays."""
        async with self._lock:
            await self._ask()
            self._publish(time.monotonic())
        sheets = self._board.sheets()
        return await trio.to_thread.run_sync(partial(_rendered, sheets, time.monotonic(), openmetrics))


def _rendered(sheets: list[bytes], now: float, openmetrics: bool) -> bytes:  # noqa: FBT001 - as above
    return text(merged(sheets, now), openmetrics=openmetrics)


def _tell_process(table: Table) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    table.follow(f.CPU, used.ru_utime + used.ru_stime)
    pages = Path("/proc/self/statm").read_text().split()[1]
    table.set(f.MEMORY, int(pages) * PAGE_BYTES)
    table.set(f.WORKERS, 1)
    table.set(f.BUILD, 1, (__version__, BUILD.value))
    table.set(f.SERIES, table.size)


def _tell_bus(bus: Bus, table: Table) -> None:
    for name, count in bus.dropped.items():
        table.follow(f.DROPPED, count, (name,))
    for lane in bus.lanes:
        table.set(f.WAITING, lane.waiting, (lane.consumer.name,))


def _tell_sinks(sinks: Sequence[Delivery], table: Table) -> None:
    for sink in sinks:
        labels = (sink.name,)
        table.follow(f.SINK_DELIVERED, sink.delivered, labels)
        table.follow(f.SINK_REFUSED, sink.refused, labels)
        table.follow(f.SINK_FAILURES, sink.failures, labels)
        table.set(f.SINK_LAG, sink.lag_s, labels)
        table.set(f.SINK_SPILLED, sink.waiting.batches, labels)


def _tell_gateway(gateway: Watched, table: Table) -> Iterator[None]:
    table.set(f.IN_FLIGHT, gateway.requests_under_way)
    table.set(f.QUEUE, gateway.requests_waiting)
    table.set(f.CONNECTIONS, gateway.client_connections)
    table.set(f.UPSTREAM_IDLE, gateway.idle_upstream_connections)
    for guest, count in gateway.contained().items():
        table.follow(f.CONTAINED, count, (guest,))
    _tell_state(gateway.state_status(), table)
    for number, (rule, spent) in enumerate(islice(gateway.budgets(), BUDGETS_SHOWN), 1):
        _tell_budget(rule, spent, table)
        if number % AT_ONCE == 0:
            yield
    now = time.monotonic()
    for number, status in enumerate(gateway.router.statuses(now), 1):
        _tell_deployment(status, table)
        if number % AT_ONCE == 0:
            yield
    resting = [layer for layer in gateway.router.layer_statuses(now) if layer.state in _STATES_RESTING]
    for layer in resting[:LAYERS_SHOWN]:
        table.set(f.LAYER_STATE, _STATES.get(layer.state, _RESTS), (layer.kind, layer.name))


_STATES_RESTING = ("open", "half_open")


def _tell_state(status: StateStatus | None, table: Table) -> None:
    if status is not None and status.problem is not None:
        table.set(f.STATE_PROBLEM, 1, (status.problem,))


def _tell_budget(rule: Rule, spent: int, table: Table) -> None:
    if rule.holder in f.BUDGET_LEFT and rule.budget is not None and rule.budget < UNLIMITED:
        labels = (rule.label,)
        table.set(f.BUDGET_MAX[rule.holder], rule.budget / NANO_DOLLARS, labels)
        table.set(f.BUDGET_LEFT[rule.holder], max(0, rule.budget - spent) / NANO_DOLLARS, labels)


def _tell_deployment(status: DeploymentStatus, table: Table) -> None:
    labels: Labels = (status.id, status.group, status.model)
    table.set(f.STATE, _STATES.get(status.state, _RESTS), labels)
    table.set(f.DEPLOYMENT_IN_FLIGHT, status.in_flight, labels)
    table.follow(f.ATTEMPTS, status.requests, labels)
    table.follow(f.ATTEMPTS_FAILED, status.failures, labels)
    table.follow(f.ATTEMPTS_GOOD, status.requests - status.failures - status.in_flight, labels)
    if status.remaining_requests is not None:
        table.set(f.REMAINING_REQUESTS, status.remaining_requests, labels)
    if status.remaining_tokens is not None:
        table.set(f.REMAINING_TOKENS, status.remaining_tokens, labels)
