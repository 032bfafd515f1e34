"""Listening on the reactor: everyone is taken, whatever some of them do, and whatever this machine lacks."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from proxy.wire import accepting
from proxy.wire.accepting import AT_ONCE, listen
from proxy.wire.reactor import Reactor

SOON_S = 5.0


class Hall:
    """A listener on a running reactor, and who has come in."""

    def __init__(self, sock: socket.socket) -> None:
        self.reactor = Reactor()
        self.sock = sock
        self.port: int = sock.getsockname()[1]
        self.taken: list[socket.socket] = []
        self.bugs = 0
        self.scope = trio.CancelScope()

    def take(self, sock: socket.socket) -> None:
        if self.bugs:
            self.bugs -= 1
            sock.close()
            raise RuntimeError("a bug")
        self.taken.append(sock)

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        with self.scope:
            await listen(self.reactor, [self.sock], self.take, task_status)

    async def until_taken(self, count: int) -> None:
        with trio.fail_after(SOON_S):
            while len(self.taken) < count:  # noqa: ASYNC110 - nothing tells
                await trio.sleep(0.001)


@pytest.fixture
async def hall(nursery: trio.Nursery):
    made = Hall(socket.create_server(("127.0.0.1", 0), backlog=4 * AT_ONCE))
    nursery.start_soon(made.reactor.run)
    await nursery.start(made.run)
    yield made
    for sock in made.taken:
        sock.close()


def call(hall: Hall) -> socket.socket:
    return socket.create_connection(("127.0.0.1", hall.port))


async def test_more_than_one_round_takes_are_all_taken(hall: Hall) -> None:
    clients = [call(hall) for _ in range(2 * AT_ONCE + 3)]
    await hall.until_taken(len(clients))
    assert {sock.getpeername() for sock in hall.taken} == {client.getsockname() for client in clients}
    for client in clients:
        client.close()


async def test_what_is_accepted_sends_at_once(hall: Hall) -> None:
    with call(hall):
        await hall.until_taken(1)
        assert hall.taken[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_bug_costs_one_connection(hall: Hall) -> None:
    hall.bugs = 1
    clients = [call(hall) for _ in range(3)]
    await hall.until_taken(2)
    assert hall.reactor.walls.counts()["callees"] == 1
    for client in clients:
        client.close()


@pytest.mark.parametrize("number", sorted(accepting.EXHAUSTED))
async def test_without_descriptors_it_tries_again(hall: Hall, monkeypatch, caplog, number: int) -> None:
    tries = 0

    class Poor:
        """accept(2) fails twice."""

        def __init__(self, real: socket.socket) -> None:
            self._real = real

        def accept(self) -> object:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise OSError(number, "none left")
            return self._real.accept()

        def fileno(self) -> int:
            return self._real.fileno()

    monkeypatch.setattr(accepting, "PAUSE_S", 0.01)
    (listener,) = hall.reactor._links.values()
    listener._sock = Poor(hall.sock)
    with call(hall):
        await hall.until_taken(1)
    assert "no connection can be accepted: none left" in caplog.text
    listener._sock = hall.sock


async def test_who_left_before_being_taken_is_nobodys_error(hall: Hall, caplog) -> None:
    aborted = iter([OSError(errno.ECONNABORTED, "left")])

    class Left:
        def __init__(self, real: socket.socket) -> None:
            self._real = real

        def accept(self) -> object:
            for error in aborted:
                raise error
            return self._real.accept()

        def fileno(self) -> int:
            return self._real.fileno()

    (listener,) = hall.reactor._links.values()
    listener._sock = Left(hall.sock)
    with call(hall):
        await hall.until_taken(1)
    assert not caplog.records
    listener._sock = hall.sock


async def test_when_it_ends_the_port_is_closed(hall: Hall) -> None:
    hall.scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(ConnectionRefusedError):
        call(hall)
    assert len(hall.reactor) == 0
