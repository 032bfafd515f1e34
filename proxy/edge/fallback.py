"""What the fast door does not carry (HTTP/2, HTTP/1.0), under hypercorn: that is loaded when the first such connection
comes, or before, when the worker has begun. It is a sixth of a start."""

from __future__ import annotations

import importlib
import socket
from typing import TYPE_CHECKING

import trio

from proxy.edge.asgi import AsgiApp
from proxy.edge.hangup import Hangup
from proxy.edge.http1 import Doorway
from proxy.edge.replay import ReplayedStream

if TYPE_CHECKING:
    from proxy.edge.carried import Hypercorn

LOADED_AFTER_S = 0.5
"""Of readiness: those who waited for it have their answers."""


class Fallback:
    """Of one door."""

    def __init__(self, doorway: Doorway, app: AsgiApp, drain_s: float) -> None:
        """`drain_s`: how long what runs may go on once the worker stops."""
        self._doorway = doorway
        self._app = app
        self._drain_s = drain_s
        self._server: Hypercorn | None = None
        self._loading = trio.Lock()
        self._ends = False

    async def serve(self, sock: socket.socket, replayed: bytes) -> None:
        """One connection to its end. `replayed`: what was read of it."""
        accepted = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        hangup = Hangup(self._doorway.reactor, sock)
        stream = ReplayedStream(accepted, replayed, self._doorway.limits.write_timeout_s, hangup)
        try:
            await (await self._loaded()).carry(stream, replayed)
        finally:
            hangup.close()
            # hypercorn's own closing waits, and is skipped when it is cancelled there.
            accepted.socket.close()

    async def load_soon(self) -> None:
        """So that no client has to wait for it."""
        await trio.sleep(LOADED_AFTER_S)
        await self._loaded()

    async def end(self) -> None:
        """Connections end after their answer."""
        self._ends = True
        if self._server is not None:
            await self._server.end()

    async def _loaded(self) -> Hypercorn:
        if self._server is None:
            async with self._loading:
                await self._load()
        assert self._server is not None
        return self._server

    async def _load(self) -> None:
        """In a thread: others go on meanwhile."""
        if self._server is None:  # nobody was faster
            module = await trio.to_thread.run_sync(importlib.import_module, "proxy.edge.carried")
            self._server = module.Hypercorn(self._app, self._doorway.limits, self._drain_s)
        if self._ends:
            await self._server.end()
