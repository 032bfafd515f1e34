"""A connection that the fast door does not carry, under hypercorn: HTTP/2 and HTTP/1.0."""

from __future__ import annotations

from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import parse_socket_addr

from proxy.edge.app_tasks import AppTasks
from proxy.edge.hangup import HANGUP
from proxy.edge.http2 import Http2
from proxy.edge.http10 import Http10
from proxy.edge.replay import ReplayedStream

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"
"""RFC 9113 section 3.4"""


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
