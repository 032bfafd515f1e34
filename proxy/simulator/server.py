"""The simulator on a socket, under hypercorn's trio worker."""

from __future__ import annotations

import socket

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as hypercorn_serve

from proxy.simulator.app import Simulator

KEEP_ALIVE_TIMEOUT_S = 600.0
"""Above any client's own idle timeout, so that it is never we who close under a request."""
KEEP_ALIVE_MAX_REQUESTS = 1_000_000_000
"""Hypercorn closes after 1,000, which would race with pooled connections."""
MAX_HEAD_BYTES = 64 * 1024
BACKLOG = 1024


async def serve(
    host: str,
    port: int,
    *,
    app: Simulator | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until cancelled. Port 0 takes a free one; the bound URL (no path) is the started value."""
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(_serve, app or Simulator(), _config(host, port))
        task_status.started(binds[0])


async def serve_socket(sock: socket.socket, *, app: Simulator | None = None) -> None:
    """Takes over a socket that listens already, and serves it until cancelled."""
    await hypercorn_serve(app or Simulator(), _bound_to(f"fd://{sock.detach()}"), mode="asgi")


async def _serve(app: Simulator, config: Config, *, task_status: trio.TaskStatus[list[str]]) -> None:
    await hypercorn_serve(app, config, mode="asgi", task_status=task_status)


def _config(host: str, port: int) -> Config:
    return _bound_to(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _bound_to(address: str) -> Config:
    config = Config()
    config.bind = [address]
    config.loglevel = "WARNING"
    config.backlog = BACKLOG
    config.keep_alive_timeout = KEEP_ALIVE_TIMEOUT_S
    config.keep_alive_max_requests = KEEP_ALIVE_MAX_REQUESTS
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.include_server_header = False
    return config
