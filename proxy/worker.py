"""One worker process: builds its gateway, listens to signals, serves until it is told to stop."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import Protocol

import trio

from proxy.accounting.recorder import LogFormat, Recorder
from proxy.assembly import Gateway
from proxy.config.schema import Config
from proxy.main import serve
from proxy.stopping import Stop
from proxy.systemd import BEATS_PER_WATCHDOG

STDOUT = 1
GC_THRESHOLDS = (50_000, 50, 100)
"""A request makes few cycles; the default of 700 objects would have the collector run every few requests."""


class Overseer(Protocol):
    """Whom a worker tells how it is: systemd, or the process that forked it."""

    def ready(self) -> None: ...
    def alive(self) -> None: ...
    def stopping(self) -> None: ...


def work(
    config: Config,
    environ: Mapping[str, str],
    listener: socket.socket,
    watchdog_s: float | None,
    overseer: Overseer,
    lifeline: int | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or the end of the lifeline, then drain; a second signal stops at once.

    Returns the exit code. A worker with a lifeline leaves SIGINT to its parent. `environ`: as the configuration
    was loaded with.
    """
    recorder = Recorder(STDOUT, _log_format(config), colour=sys.stdout.isatty() and "NO_COLOR" not in environ)
    gateway = Gateway(config, environ, recorder)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return trio.run(partial(_work, gateway, listener, config, overseer, watchdog_s, lifeline))


def _log_format(config: Config) -> LogFormat:
    wanted = config.sluice_settings.access_log
    if wanted != "auto":
        return wanted
    return "text" if sys.stdout.isatty() and not config.litellm_settings.json_logs else "json"


async def _work(
    gateway: Gateway,
    listener: socket.socket,
    config: Config,
    overseer: Overseer,
    watchdog_s: float | None,
    lifeline: int | None,
) -> int:
    stop = Stop()
    async with trio.open_nursery() as nursery:
        _listen_to(stop, lifeline, nursery)
        nursery.start_soon(_announce, stop.asked, overseer)
        if watchdog_s is not None:
            nursery.start_soon(_beat, overseer, watchdog_s / BEATS_PER_WATCHDOG)
        limits = config.sluice_settings
        await serve(gateway, [listener], limits, overseer.ready, stop.asked, stop.at_once)
        nursery.cancel_scope.cancel()
    return stop.exit_code


def _listen_to(stop: Stop, lifeline: int | None, nursery: trio.Nursery) -> None:
    stop.on_signals(signal.SIGTERM, signal.SIGQUIT)
    if lifeline is None:
        stop.on_signals(signal.SIGINT)
    else:
        nursery.start_soon(stop.on_end_of, lifeline)


async def _announce(asked: trio.Event, overseer: Overseer) -> None:
    await asked.wait()
    overseer.stopping()


async def _beat(overseer: Overseer, period_s: float) -> None:
    while True:
        await trio.sleep(period_s)
        overseer.alive()
