"""Sockets in memory behave as the kernel's do: the same scripts, played on both, bring the same."""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from loadtest.sim.clock import VirtualClock
from loadtest.sim.sockets import End, Wire, pair

MASKS = {"in": select.EPOLLIN, "out": select.EPOLLOUT, "rdhup": select.EPOLLRDHUP, "hup": select.EPOLLHUP}
MASKS["err"] = select.EPOLLERR
SETTLE_S = 1.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
Act = Callable[[], object]


def seen(act: Act) -> object:
    """What it brings: a value, or the name of its error."""
    try:
        return act()
    except OSError as error:
        return type(error).__name__


class Memory:
    """Two ends in memory."""

    def __init__(self) -> None:
        self._clock = VirtualClock(random.Random(7))
        wire = Wire(self._clock, random.Random(7), 0.001, 100_000)
        self.near, self.far = End(wire, "near", 1, lambda _: None), End(wire, "far", 2, lambda _: None)
        pair(wire, self.near, self.far)

    def settle(self) -> None:
        while self._clock._due:
            self._clock._happen()

    def mask(self, end: End) -> int:
        return end.mask()

    def close(self) -> None:
        """Nothing is held."""


class Kernel:
    """Two ends of one loopback connection."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.near = socket.create_connection(server.getsockname())
            self.far, _ = server.accept()
        for end in (self.near, self.far):
            end.setblocking(False)

    def settle(self) -> None:
        """Loopback delivers at once, but for what another core does meanwhile."""
        until = time.monotonic() + SETTLE_S
        before: list[int] = []
        while time.monotonic() < until:
            now = [self.mask(end) for end in (self.near, self.far) if end.fileno() >= 0]
            if now == before:
                return
            before = now

    def mask(self, end: socket.socket) -> int:
        with select.epoll() as epoll:
            epoll.register(end, sum(MASKS.values()))
            return next((mask for _, mask in epoll.poll(0)), 0)

    def close(self) -> None:
        for end in (self.near, self.far):
            with suppress(OSError):
                end.close()


def nothing(_near: object, _far: object) -> Iterator[Act]:
    yield from ()


def bytes_come(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: far.recv(10)
    yield lambda: near.send(b"hello")
    yield lambda: far.recv(3, socket.MSG_PEEK)
    yield lambda: far.recv(3)
    yield lambda: far.recv(3)
    yield lambda: far.recv(3)


def an_end_comes(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: near.send(b"last")
    yield lambda: near.shutdown(socket.SHUT_WR)
    yield lambda: near.send(b"more")
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)
    yield lambda: far.send(b"answer")
    yield lambda: near.recv(10)
    yield lambda: far.shutdown(socket.SHUT_WR)
    yield lambda: near.recv(10)


def a_close_comes(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: near.send(b"last")
    yield lambda: near.close()
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)
    yield lambda: far.send(b"to nobody")
    yield lambda: far.send(b"to nobody")
    yield lambda: far.recv(10)


def a_reset_comes(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    yield lambda: near.close()
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)
    yield lambda: far.send(b"x")
    yield lambda: far.shutdown(socket.SHUT_WR)


def a_reset_is_met_by_a_send(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    yield lambda: near.close()
    yield lambda: far.send(b"x")
    yield lambda: far.send(b"x")
    yield lambda: far.recv(10)


def closing_on_unread_bytes_resets(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: far.send(b"unread")
    yield lambda: near.close()
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)


def bytes_before_a_reset_are_read(near: socket.socket, far: socket.socket) -> Iterator[Act]:
    yield lambda: far.send(b"unread")
    yield lambda: near.send(b"before")
    yield lambda: near.close()
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)
    yield lambda: far.recv(10)


SCRIPTS = [
    nothing,
    bytes_come,
    an_end_comes,
    a_close_comes,
    a_reset_comes,
    a_reset_is_met_by_a_send,
    closing_on_unread_bytes_resets,
    bytes_before_a_reset_are_read,
]


def played(ends: Memory | Kernel, script: Callable[..., Iterator[Act]]) -> list[object]:
    """Each act's result, and the far end's mask after it."""
    told: list[object] = []
    for act in script(ends.near, ends.far):
        told.append(seen(act))
        ends.settle()
        mask = ends.mask(ends.far)  # type: ignore[arg-type]
        told.append(sorted(name for name, bit in MASKS.items() if mask & bit))
    ends.close()
    return told


@pytest.mark.parametrize("script", SCRIPTS)
def test_as_the_kernels(script: Callable[..., Iterator[Act]]) -> None:
    assert played(Memory(), script) == played(Kernel(), script)


def test_a_full_buffer_says_when_there_is_room_again() -> None:
    ends = Memory()
    edges: list[int] = []
    ends.near.watch = lambda end: edges.append(end.mask())
    while seen(lambda: ends.near.send(b"x" * 7_000)) != "BlockingIOError":
        ends.settle()
    assert not ends.near.mask() & select.EPOLLOUT
    assert edges == []
    while ends.far.mask() & select.EPOLLIN:
        ends.far.recv(1_000)
        ends.settle()
    assert [bool(mask & select.EPOLLOUT) for mask in edges] == [True]
