"""Serves: the listeners, the two doors behind them, the drain."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio.worker_context import WorkerContext

from proxy.config.sluice import SluiceSettings
from proxy.edge.http1 import FastDoor
from proxy.wire.accepting import listen
from proxy.worker.assembly import Gateway
from proxy.worker.background import kept_up
from proxy.worker.crew import Crew
from proxy.worker.side_door import SideDoor

MANY_REQUESTS = 1_000_000_000
"""hypercorn would otherwise close a connection after 1,000 requests."""


async def serve(
    gateway: Gateway,
    listeners: Sequence[socket.socket],
    limits: SluiceSettings,
    ready: Callable[[], None],
    stop: trio.Event,
    at_once: trio.Event | None = None,
    side: SideDoor | None = None,
) -> None:
    """Accept until `stop`, then finish what runs, within `drain_timeout_s` and until `at_once`."""
    accept = partial(_accept_until, stop, gateway, listeners, limits, ready, side)
    await serve_accepted(gateway, accept, at_once)


async def serve_accepted(
    gateway: Gateway, accept: Callable[[trio.Nursery], Awaitable[None]], at_once: trio.Event | None = None
) -> None:
    """Serve what `accept` starts in the nursery it is given; when it returns, finish what runs, as `serve` does."""
    async with trio.open_nursery() as background:
        background.start_soon(gateway.reactor.run)  # without it nothing is served: its end is the worker's
        await gateway.begin()
        for task in gateway.background:
            background.start_soon(kept_up, task, gateway.reactor.walls.tasks)
        async with trio.open_nursery() as connections:
            if at_once is not None:
                background.start_soon(_cancel_when, at_once, connections.cancel_scope)
            await accept(connections)
            connections.cancel_scope.deadline = (
                trio.current_time() + gateway.config.sluice_settings.drain_timeout_s
            )
        background.cancel_scope.cancel()
    gateway.finish()


async def _accept_until(
    stop: trio.Event,
    gateway: Gateway,
    listeners: Sequence[socket.socket],
    limits: SluiceSettings,
    ready: Callable[[], None],
    side: SideDoor | None,
    connections: trio.Nursery,
) -> None:
    """Leaves the listeners closed, idle connections closing, busy ones told that their answer is the last."""
    context = WorkerContext(None)
    config = _hypercorn_config(limits)
    doors = [(listeners, gateway.doorway, gateway.app)]
    if side is not None:
        doors.append(([side.listener], side.doorway, side.app))
    crews: list[Crew] = []
    async with trio.open_nursery() as acceptors:
        for socks, doorway, app in doors:
            door = FastDoor(doorway, ASGIWrapper(app), config, context)
            crews.append(Crew(door.serve, gateway.reactor, connections))
            await acceptors.start(listen, gateway.reactor, socks, crews[-1].take)
        ready()
        await stop.wait()
        acceptors.cancel_scope.cancel()
    for crew in crews:
        crew.end()
    for _, doorway, _ in doors:
        doorway.drain()
    await context.terminated.set()


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _hypercorn_config(limits: SluiceSettings) -> HypercornConfig:
    config = HypercornConfig()
    config.h11_max_incomplete_size = limits.max_header_bytes
    config.h2_max_header_list_size = limits.max_header_bytes
    config.keep_alive_timeout = limits.keep_alive_timeout_s
    config.keep_alive_max_requests = MANY_REQUESTS
    config.graceful_timeout = limits.drain_timeout_s
    config.include_server_header = False
    config.h11_pass_raw_headers = True  # names are passed on as they were spelled
    config.include_date_header = False  # the upstream's answer has one, and so have our own
    return config
