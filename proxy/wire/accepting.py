"""Listening sockets on the reactor: a new connection is heard of with all other events, and begun in the same round."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence

import trio

from proxy.wire.reactor import Reactor

log = logging.getLogger("sluice")

AT_ONCE = 64
"""Connections taken in one round: those that are being served have their turn between."""
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""Nothing is left to take a connection with. It waits in the kernel, and no edge will tell of it again."""
PAUSE_S = 0.1
"""Until the next try then: connections that end meanwhile leave their descriptors."""

Take = Callable[[socket.socket], None]
"""Is handed an accepted socket, and owns it."""


class Listener:
    """One listening socket, closed by its owner."""

    __slots__ = ("_nursery", "_reactor", "_sock", "_take")

    def __init__(self, reactor: Reactor, sock: socket.socket, take: Take, nursery: trio.Nursery) -> None:
        """`nursery`: where it waits when nothing can be accepted."""
        sock.settimeout(0)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted inherits it
        self._reactor = reactor
        self._sock = sock
        self._take = take
        self._nursery = nursery
        reactor.add_listener(self)

    def fileno(self) -> int:
        return self._sock.fileno()

    def on_event(self, _mask: int) -> None:
        if self._take_some():
            self._reactor.again(self)

    def _take_some(self) -> bool:
        """False when nobody waits any more, or nothing is left to take them with."""
        for _ in range(AT_ONCE):
            try:
                sock, _address = self._sock.accept()
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    continue  # it left again: accept(2)
                log.warning("no connection can be accepted: %s", error.strerror)
                self._nursery.start_soon(self._try_again)
                return False
            self._take(sock)
        return True

    async def _try_again(self) -> None:
        await trio.sleep(PAUSE_S)
        while self._take_some():
            await trio.lowlevel.checkpoint()

    def fail(self, _error: Exception) -> None:
        """From the reactor: what was raised costs one connection; those behind it are taken all the same."""
        self._reactor.again(self)


async def listen(
    reactor: Reactor,
    socks: Sequence[socket.socket],
    take: Take,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept until cancelled, and close them. It has started when the first connection would be taken."""
    async with trio.open_nursery() as nursery:
        listeners: list[Listener] = []
        try:
            listeners.extend(Listener(reactor, sock, take, nursery) for sock in socks)
            task_status.started()
            await trio.sleep_forever()
        finally:
            for listener in listeners:
                reactor.remove(listener)
            for sock in socks:
                sock.close()
