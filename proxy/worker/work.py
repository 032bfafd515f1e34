"""One worker process: builds its gateway, listens to signals, serves until it is told to stop, reloads when told to."""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import trio

from proxy.accounting.bus import Bus, Consumer
from proxy.accounting.counting import Counted
from proxy.accounting.log import Log, LogFormat
from proxy.config.schema import Config
from proxy.limits.ledger import Ledger
from proxy.metrics.table import Board
from proxy.process.descriptors import make_room_for_descriptors
from proxy.process.edition import Edition, Latest
from proxy.process.forking import TOLD_OF_NEWS
from proxy.process.limits import lone_ledger
from proxy.process.memory import keep_freed_memory
from proxy.process.orders import Order
from proxy.process.stopping import Stop, Terminal
from proxy.process.systemd import BEATS_PER_WATCHDOG
from proxy.process.turns import take_short_turns
from proxy.routing.facts import FactBoard
from proxy.sinks.sink import Spill
from proxy.storage.file import StateFile
from proxy.storage.spill import SpillTable
from proxy.worker.assembly import Gateway
from proxy.worker.background import kept_up
from proxy.worker.keeping import Keeping
from proxy.worker.rotating import tasks as rotation_tasks
from proxy.worker.serving import serve
from proxy.worker.settings import MEBIBYTE, door_limits
from proxy.worker.side_door import SideDoor
from proxy.worker.sinks import alerts_by, deliveries, tell_soft
from proxy.worker.telemetry import Telemetry

STDOUT = 1
GC_THRESHOLDS = (10_000, 50, 100)
"""No request makes a cycle, so nothing is found: with the default of 700 objects the collector would run whenever a few
connections come. Everybody waits for it: for 10,000 objects some milliseconds."""


FILES_PER_CONNECTION = 2
"""The client's, and the upstream's."""


class Overseer(Protocol):
    """Whom a worker tells how it is: systemd, or the process that forked it."""

    def ready(self) -> None: ...
    def alive(self) -> None: ...
    def stopping(self) -> None: ...
    def reloading(self) -> None: ...
    def reloaded(self, edition: Edition | None) -> None: ...
    def pass_on(self, order: Order) -> bool: ...
    @property
    def facts(self) -> FactBoard | None:
        """Where workers tell each other what they learn of upstreams; None: there is only one."""

    @property
    def counted(self) -> Counted | None:
        """Whose usage any worker has counted; None: there is only one."""

    @property
    def numbers(self) -> Board | None:
        """Where workers publish their metrics; None: there is only one."""

    @property
    def limits(self) -> Ledger | None:
        """Who has had how much, for all workers; None: there is only one."""


def work(
    edition: Edition,
    listener: socket.socket,
    watchdog_s: float | None,
    overseer: Overseer,
    latest: Latest,
    lifeline: int | None = None,
    number: int = 1,
    state: Path | None = None,
    metrics_listener: socket.socket | None = None,
    folder: Path | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or the end of the lifeline, then drain; a second signal stops at once.

    Returns the exit code. A worker with a lifeline leaves SIGINT, and the terminal's end, to its parent. `number`: of
    this worker, from 1. `state`: the file of what outlives it; None: nothing does. `metrics_listener`: where metrics
    have a port of their own. `folder`: of the configuration.
    """
    config = edition.config
    ours = config.sluice_settings
    telemetry = Telemetry(overseer.numbers, ours.metrics_series) if ours.metrics else None
    ledger = overseer.limits or lone_ledger(ours.limited_subjects)
    keeping = Keeping(state, config, ledger, number)
    sinks = deliveries(config, edition.environ, folder, _spill(config, keeping.file))
    alerts = alerts_by(sinks)
    keeping.spending.on_soft_budget(partial(tell_soft, alerts))
    bus = Bus([*_consumers(edition, telemetry), *keeping.consumers, *sinks, *alerts])
    gateway = Gateway(
        config,
        edition.environ,
        bus,
        number,
        overseer.pass_on,
        board=overseer.facts,
        given=keeping.given(overseer.counted, telemetry),
    )
    if telemetry is not None:
        telemetry.table.sources.append(keeping.tell)
        telemetry.watch(gateway, bus, sinks)
    keeping.watch(gateway)
    rotation = (
        rotation_tasks(config, gateway.kept.register, gateway.kept.directory, sinks, folder)
        if number == 1
        else []
    )
    gateway.tasks = [*keeping.tasks, *(sink.run for sink in sinks), *(each.run for each in alerts), *rotation]
    side = None
    if metrics_listener is not None:
        side = SideDoor(metrics_listener, gateway.reactor, door_limits(ours), lambda: gateway.side)
    make_room_for_descriptors(FILES_PER_CONNECTION * ours.max_connections)
    keep_freed_memory()
    take_short_turns()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return trio.run(partial(_work, gateway, listener, side, overseer, latest, watchdog_s, lifeline))


def _spill(config: Config, state: StateFile | None) -> Spill | None:
    """Where batches wait that a sink does not take."""
    most_bytes = int(config.sluice_settings.sinks.spill_mb * MEBIBYTE)
    return None if state is None else SpillTable(state, most_bytes)


def _consumers(edition: Edition, telemetry: Telemetry | None) -> list[Consumer]:
    """Who makes something of the records."""
    wanted = _log_format(edition.config)
    colour = sys.stdout.isatty() and "NO_COLOR" not in edition.environ
    log = [] if wanted == "off" else [Log(STDOUT, wanted, colour=colour)]
    return [*log, *([] if telemetry is None else [telemetry.records])]


def _log_format(config: Config) -> LogFormat | Literal["off"]:
    wanted = config.sluice_settings.access_log
    if wanted != "auto":
        return wanted
    return "text" if sys.stdout.isatty() and not config.litellm_settings.json_logs else "json"


async def _work(
    gateway: Gateway,
    listener: socket.socket,
    side: SideDoor | None,
    overseer: Overseer,
    latest: Latest,
    watchdog_s: float | None,
    lifeline: int | None,
) -> int:
    stop = Stop()
    async with trio.open_nursery() as nursery:
        _listen_to(stop, lifeline, nursery)
        await nursery.start(_follow, gateway, overseer, latest, stop, lifeline)
        nursery.start_soon(_announce, stop, overseer, gateway, lifeline)
        if overseer.facts is not None:
            nursery.start_soon(kept_up, gateway.listen, gateway.reactor.walls.tasks)
        if watchdog_s is not None:
            beat = partial(_beat, overseer, watchdog_s / BEATS_PER_WATCHDOG)
            nursery.start_soon(kept_up, beat, gateway.reactor.walls.tasks)
        limits = gateway.config.sluice_settings
        await serve(gateway, [listener], limits, overseer.ready, stop.asked, stop.at_once, side)
        nursery.cancel_scope.cancel()
    return stop.exit_code


def _listen_to(stop: Stop, lifeline: int | None, nursery: trio.Nursery) -> None:
    stop.on_signals(signal.SIGTERM, signal.SIGQUIT)
    if lifeline is None:
        stop.on_signals(signal.SIGINT)
    else:
        nursery.start_soon(stop.on_end_of, lifeline)


async def _follow(
    gateway: Gateway,
    overseer: Overseer,
    latest: Latest,
    stop: Stop,
    lifeline: int | None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """What is new, each time a signal tells of it; signals that come meanwhile are one."""
    terminal = Terminal() if lifeline is None else None
    signal.signal(TOLD_OF_NEWS, signal.SIG_IGN)  # a late one must not kill
    with trio.open_signal_receiver(TOLD_OF_NEWS) as told:
        if lifeline is not None:
            await _hear(gateway, overseer, latest)  # what was said while this worker started
        task_status.started()
        async for number in told:
            if terminal is not None and terminal.hung_up():
                stop.tell(number)
            if not stop.asked.is_set():
                with gateway.reactor.walls.tasks.around(lambda: "a reload"):  # what served before serves on
                    await _hear(gateway, overseer, latest)


async def _hear(gateway: Gateway, overseer: Overseer, latest: Latest) -> None:
    overseer.reloading()
    news = await trio.to_thread.run_sync(latest)
    edition = news.edition
    if edition is not None:
        gateway.adopt(*await trio.to_thread.run_sync(gateway.prepare, edition.config, edition.environ))
        gc.collect()  # the parts before it, unless requests still run: they refer to each other
    for order in news.orders:
        gateway.holds.obey(order)
    overseer.reloaded(edition)


async def _announce(stop: Stop, overseer: Overseer, gateway: Gateway, lifeline: int | None) -> None:
    await stop.asked.wait()
    overseer.stopping()
    running = gateway.requests_under_way
    if running and not stop.at_once.is_set():
        who = "sluice" if lifeline is None else f"sluice: worker {gateway.worker}"
        many = f"{running} requests are" if running > 1 else "1 request is"
        limit_s = gateway.config.sluice_settings.drain_timeout_s
        _tell(f"{who}: {many} under way: waiting {limit_s:g} s at most; Ctrl-C or another signal ends now")


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # that nobody listens is no reason not to drain
        print(line, file=sys.stderr, flush=True)


async def _beat(overseer: Overseer, period_s: float) -> None:
    while True:
        await trio.sleep(period_s)
        overseer.alive()
