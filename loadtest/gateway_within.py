"""A gateway inside the test's own process, on a real socket: its parts can be looked at while it serves."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from proxy.accounting.record import Record
from proxy.config.load import load
from proxy.routing.router import DeploymentStatus
from proxy.worker.assembly import Gateway
from proxy.worker.serving import serve

SETTLE_S = 5.0
"""How long work that was told to end may take to do so."""


class KeptRecords:
    """Keeps the records as they are; writes no log."""

    def __init__(self) -> None:
        self.kept: list[Record] = []
        self.more = trio.Event()

    def record(self, record: Record) -> None:
        self.kept.append(record)
        self.more.set()
        self.more = trio.Event()

    async def run(self) -> None:
        """Nothing waits to be written."""

    def flush(self) -> None:
        """Nothing is left."""


class GatewayWithin:
    """Made by `gateway_within`."""

    def __init__(self, gateway: Gateway, records: KeptRecords, port: int) -> None:
        self.gateway = gateway
        self.records = records.kept
        self._recorder = records
        self.port = port

    def status(self, deployment_id: str) -> DeploymentStatus:
        """What the router thinks of one deployment now."""
        found = self.gateway.router.snapshot(time.monotonic())
        return next(status for status in found if status.id == deployment_id)

    @property
    def in_flight(self) -> int:
        return sum(status.in_flight for status in self.gateway.router.snapshot(time.monotonic()))

    @property
    def links(self) -> int:
        """Sockets that are neither idle in the pool nor gone."""
        return len(self.gateway.reactor) - self.gateway.reaching.pool.idle()

    async def recorded(self, count: int) -> None:
        """Waits until so many requests have ended."""
        with trio.fail_after(SETTLE_S):
            while len(self.records) < count:
                await self._recorder.more.wait()

    async def quiet(self) -> None:
        """Waits until nothing is in flight and no client is connected."""
        with trio.fail_after(SETTLE_S):
            while self.in_flight or self.links:  # noqa: ASYNC110 - they tell nobody
                await trio.sleep(0.001)


@asynccontextmanager
async def gateway_within(config: Path, environ: Mapping[str, str] = {}) -> AsyncIterator[GatewayWithin]:
    """Serves the YAML at `config` on 127.0.0.1, and drains when the block ends."""
    loaded = load(config, environ)
    records = KeptRecords()
    gateway = Gateway(loaded.config, loaded.environ, records)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    ready, stop = trio.Event(), trio.Event()
    limits = loaded.config.sluice_settings
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, gateway, [listener], limits, ready.set, stop)
        await ready.wait()
        yield GatewayWithin(gateway, records, port)
        stop.set()
