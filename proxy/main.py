"""Runs one worker: its listeners, its doors, its drain."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from proxy.assembly import Gateway
from proxy.config.sluice import SluiceSettings
from proxy.edge.http1 import FastDoor

GC_THRESHOLDS = (50_000, 50, 100)
"""A request makes few cycles; the default of 700 objects would have the collector run every few requests."""
HYPERCORN_HEAD_BYTES = 64 * 1024
MANY_REQUESTS = 1_000_000_000
"""hypercorn would otherwise close a connection after 1,000 requests."""


def run_worker(
    gateway: Gateway, listeners: Sequence[socket.socket], limits: SluiceSettings, ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once. `ready` once it accepts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    trio.run(partial(serve, gateway, listeners, limits, ready))


async def serve(
    gateway: Gateway,
    listeners: Sequence[socket.socket],
    limits: SluiceSettings,
    ready: Callable[[], None],
    stop: trio.Event | None = None,
) -> None:
    """`run_worker`, inside a running trio. `stop`: an event to listen to instead of signals."""
    async with trio.open_nursery() as background:
        for task in (gateway.reactor.run, gateway.pool.reap, gateway.recorder.run):
            background.start_soon(task)
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            # A nursery inside: who waits for a second signal must not outlive the receiver.
            async with trio.open_nursery() as watching:
                await _serve_until(
                    gateway, listeners, limits, ready, partial(_stop_asked, signals, stop), watching
                )
                watching.cancel_scope.cancel()
        background.cancel_scope.cancel()
    gateway.pool.close()
    gateway.recorder.flush()


async def _serve_until(
    gateway: Gateway,
    listeners: Sequence[socket.socket],
    limits: SluiceSettings,
    ready: Callable[[], None],
    stop_asked: Callable[[], Awaitable[None]],
    background: trio.Nursery,
) -> None:
    context = WorkerContext(None)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(_accept, gateway, listeners, limits, context, connections)
            ready()
            await stop_asked()
            accepting.cancel_scope.cancel()
        gateway.doorway.drain()
        await context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + limits.drain_timeout_s
        background.start_soon(_cancel_when, stop_asked, connections.cancel_scope)


async def _accept(
    gateway: Gateway,
    listeners: Sequence[socket.socket],
    limits: SluiceSettings,
    context: WorkerContext,
    connections: trio.Nursery,
) -> None:
    door = partial(
        FastDoor,
        gateway.doorway,
        ASGIWrapper(gateway.app),
        _hypercorn_config(limits),
        context,
        ConnectionState({}),
    )
    accepting = [trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in listeners]
    await trio.serve_listeners(door, accepting, handler_nursery=connections)


async def _stop_asked(signals: AsyncIterator[int], stop: trio.Event | None) -> None:
    if stop is not None:
        await stop.wait()
    else:
        await anext(signals)


async def _cancel_when(asked: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
    await asked()
    scope.cancel()


def _hypercorn_config(limits: SluiceSettings) -> HypercornConfig:
    config = HypercornConfig()
    config.h11_max_incomplete_size = limits.max_header_bytes
    config.keep_alive_timeout = limits.keep_alive_timeout_s
    config.keep_alive_max_requests = MANY_REQUESTS
    config.graceful_timeout = limits.drain_timeout_s
    config.include_server_header = False
    return config


def notify(state: str) -> None:
    """Tell systemd, when it asked to be told: https://www.freedesktop.org/software/systemd/man/sd_notify.html"""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.sendall(state.encode())
