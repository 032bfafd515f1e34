"""Runs the embedded simulator beside the gateway: a process of its own, so that it takes no time from it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from proxy.workers import fork

BACKLOG = 1024


@contextmanager
def running() -> Iterator[str]:
    """The simulator's URL. The socket listens already; the process behind it ends with this one."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    ours, theirs = os.pipe()
    pid = fork(partial(_simulate, sock, ours, theirs))
    os.close(ours)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    sock.close()
    try:
        yield url
    finally:
        os.close(theirs)
        os.waitpid(pid, 0)


def _simulate(sock: socket.socket, lifeline: int, parents_end: int) -> None:
    import trio  # noqa: PLC0415 - in the simulator's own process

    from proxy.simulator.server import serve_socket  # noqa: PLC0415

    os.close(parents_end)
    # The parent decides when this ends: a terminal's Ctrl-C reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def until_parent_ends() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_socket, sock)
            await trio.lowlevel.wait_readable(lifeline)
            nursery.cancel_scope.cancel()

    trio.run(until_parent_ends)
