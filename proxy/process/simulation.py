"""Runs the embedded simulator beside the gateway: a process of its own, so that it takes no time from it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from proxy.process.forking import Lifeline, fork

BACKLOG = 1024


@contextmanager
def running() -> Iterator[str]:
    """The simulator's URL. The socket listens already; the process behind it ends with this one, however that ends.

    Call it before the gateway listens: a child would hold that socket open.
    """
    lifeline = Lifeline()
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        pid = fork(partial(_simulate, sock, lifeline.fd), lifeline)
    try:
        yield url
    finally:
        os.kill(pid, signal.SIGKILL)  # it keeps nothing that would be lost
        os.waitpid(pid, 0)


def _simulate(sock: socket.socket, lifeline: int) -> None:
    import trio  # noqa: PLC0415 - in the simulator's own process

    from proxy.simulator.server import serve_socket  # noqa: PLC0415

    # A service manager tells all processes of a service to end; the gateway's last streams still need this one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def until_parent_ends() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_socket, sock)
            await trio.lowlevel.wait_readable(lifeline)
            nursery.cancel_scope.cancel()

    trio.run(until_parent_ends)
