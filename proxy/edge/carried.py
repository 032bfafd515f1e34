"""A connection that the fast door does not carry, under hypercorn: HTTP/2 and HTTP/1.0."""

from __future__ import annotations

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import parse_socket_addr

from proxy.edge.app_tasks import AppTasks
from proxy.edge.asgi import AsgiApp
from proxy.edge.hangup import HANGUP
from proxy.edge.http2 import Http2
from proxy.edge.http10 import Http10
from proxy.edge.limits import DoorLimits
from proxy.edge.replay import HTTP2_PREFACE, ReplayedStream

MANY_REQUESTS = 1_000_000_000
"""hypercorn would otherwise close a connection after 1,000 requests."""


class Hypercorn:
    """One door's."""

    def __init__(self, app: AsgiApp, limits: DoorLimits, drain_s: float) -> None:
        self._app = ASGIWrapper(app)
        self._config = _config(limits, drain_s)
        self._context = WorkerContext(None)

    async def carry(self, stream: ReplayedStream, first: bytes) -> None:
        """One connection to its end."""
        await Carried(self._app, self._config, self._context, stream, first).run()

    async def end(self) -> None:
        """Idle connections close, busy ones after their answer."""
        await self._context.terminated.set()


def _config(limits: DoorLimits, drain_s: float) -> Config:
    config = Config()
    config.h11_max_incomplete_size = limits.header_bytes
    config.h2_max_header_list_size = limits.header_bytes
    config.keep_alive_timeout = limits.keep_alive_s
    config.keep_alive_max_requests = MANY_REQUESTS
    config.graceful_timeout = drain_s
    config.include_server_header = False
    config.h11_pass_raw_headers = True  # names are passed on as they were spelled
    config.include_date_header = False  # the upstream's answer has one, and so have our own
    return config


class Carried(TCPServer):
    """hypercorn's server for one connection, whose protocol its first bytes have told."""

    def __init__(
        self, app: AppWrapper, config: Config, context: WorkerContext, stream: ReplayedStream, first: bytes
    ) -> None:
        state = ConnectionState({HANGUP: stream.hangup})
        super().__init__(app, config, context, state, stream)  # type: ignore[arg-type]
        self._over = False
        """The client has left; what runs for it ends."""
        self._speaks = Http2 if first.startswith(HTTP2_PREFACE) else Http10

    async def run(self) -> None:
        try:
            sock = self.stream.socket
            client = parse_socket_addr(sock.family, sock.getpeername())
            server = parse_socket_addr(sock.family, sock.getsockname())
            async with AppTasks() as task_group:
                self._task_group = task_group
                protocol: H2Protocol | H11Protocol = self._speaks(
                    self.app,
                    self.config,
                    self.context,
                    task_group,
                    ConnectionState(self.state),
                    False,  # noqa: FBT003 - no TLS
                    client,
                    server,
                    self.protocol_send,
                )
                self.protocol = protocol  # type: ignore[assignment]
                await protocol.initiate()
                await self.idle_task.restart(task_group, self._idle_timeout)
                await self._read_data()
                self._over = True
                await self.idle_task.stop()
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Whoever has left does not idle: the timer would hold the socket until the keep-alive time is over."""
        if not (self._over and isinstance(event, Updated)):
            await super().protocol_send(event)
