"""Serves: the listeners, the two doors behind them, the drain."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import trio

from proxy.config.sluice import SluiceSettings
from proxy.edge.fallback import Fallback
from proxy.edge.http1 import FastDoor
from proxy.wire.accepting import listen
from proxy.worker.assembly import Gateway
from proxy.worker.background import kept_up
from proxy.worker.crew import Crew
from proxy.worker.side_door import SideDoor


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
    doors = [(listeners, gateway.doorway, gateway.app)]
    if side is not None:
        doors.append(([side.listener], side.doorway, side.app))
    crews: list[Crew] = []
    fallbacks = [Fallback(doorway, app, limits.drain_timeout_s) for _, doorway, app in doors]
    async with trio.open_nursery() as acceptors:
        for (socks, doorway, _), fallback in zip(doors, fallbacks, strict=True):
            door = FastDoor(doorway, fallback.serve)
            crews.append(Crew(door.serve, gateway.reactor, connections))
            await acceptors.start(listen, gateway.reactor, socks, crews[-1].take)
            acceptors.start_soon(fallback.load_soon)
        ready()
        await stop.wait()
        acceptors.cancel_scope.cancel()
    for crew in crews:
        crew.end()
    for _, doorway, _ in doors:
        doorway.drain()
    for fallback in fallbacks:
        await fallback.end()


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
