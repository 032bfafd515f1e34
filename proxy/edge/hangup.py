"""A client's leaving, told by the reactor where hypercorn reads the socket, no further than is asked for."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

from proxy.wire.reactor import Reactor

HANGUP = "sluice.hangup"
"""In the scope's state."""
UPLOAD = "sluice.upload"
"""In the scope's state: the request's body, in place of `http.request` messages."""
CUT = "sluice.cut"
"""In the scope's state: resets the stream. hypercorn leaves one that was not ended open for ever."""
_GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Hangup:
    """One socket's, which is watched from `watch` to `close`."""

    def __init__(self, reactor: Reactor, sock: socket.socket) -> None:
        self._reactor = reactor
        self._fd = sock.fileno()
        self._watched = False
        self._leave: Callable[[], None] | None = None

    def watch(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the peer has left, now if it has already."""
        self._leave = leave
        if not self._watched:
            self._watched = True
            self._reactor.add(self)

    def close(self) -> None:
        """Before the socket is closed. Idempotent."""
        if self._watched:
            self._watched = False
            self._reactor.remove(self)

    def fileno(self) -> int:
        return self._fd

    def on_event(self, mask: int) -> None:
        if mask & _GONE and self._leave is not None:
            self._leave()

    def fail(self, _error: Exception) -> None:
        """hypercorn still hears of the end, if later."""
