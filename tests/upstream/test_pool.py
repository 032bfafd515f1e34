from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import chat
from proxy.upstream.destination import Endpoint
from proxy.upstream.pool import MAX_DISTRUSTED, REAP_EVERY_S, ConnectionPool


async def until(fact: Callable[[], bool]) -> None:
    """Sockets tell nobody here, and a busy kernel delivers late even within one machine."""
    for _ in range(1000):
        if fact():
            return
        await wait_all_tasks_blocked(0.005)
    raise AssertionError("it never came true")


async def at_once(caller, count: int) -> list:
    """`count` answers, whose connections are all in use."""
    return [await caller.ask() for _ in range(count)]


async def test_the_connection_used_last_is_taken_first(caller, mock) -> None:
    for answer in await at_once(caller, 3):
        answer.close()
    await caller.whole()
    assert [request.connection for request in mock.requests] == [0, 1, 2, 2]


async def test_few_connections_stay_warm(caller, mock) -> None:
    for answer in await at_once(caller, 3):
        answer.close()
    for _ in range(5):
        await caller.whole()
    assert {request.connection for request in mock.requests[3:]} == {2}


async def test_no_more_than_the_limit_are_kept(caller, mock) -> None:
    for answer in await at_once(caller, 5):
        answer.close()
    assert caller.pool.idle() == 3
    await until(lambda: mock.open_connections == 3)


async def test_endpoints_do_not_share(caller, mock) -> None:
    await caller.whole()
    assert caller.pool.take(Endpoint("127.0.0.1", mock.port, tls=False, verify=False)) is None
    assert caller.pool.take(Endpoint("127.0.0.1", mock.port + 1, tls=False)) is None
    connection = caller.pool.take(caller.endpoint)
    assert connection is not None
    connection.link.close()


async def test_an_old_connection_is_not_taken(caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await caller.whole()
    later = time.monotonic() + 31
    monkeypatch.setattr("proxy.upstream.pool.time.monotonic", lambda: later)
    assert caller.pool.take(caller.endpoint) is None
    assert caller.pool.idle() == 0


async def test_a_connection_closed_by_its_peer_is_not_taken(caller, mock) -> None:
    mock.script(chat(), chat())
    for answer in await at_once(caller, 2):
        answer.close()
    last = caller.pool._stacks[caller.endpoint][-1].link
    await trio.aclose_forcefully(mock.connections[1]._stream)
    await until(lambda: last.hangup)
    assert await caller.whole()
    assert mock.requests[-1].connection == 0


async def test_a_connection_that_spoke_unasked_is_not_taken(caller, mock) -> None:
    await caller.whole()
    (kept,) = caller.pool._stacks[caller.endpoint]
    await wait_all_tasks_blocked()
    assert not kept.link.readable
    await say(mock, 0, LATE)
    await until(lambda: kept.link.readable)
    assert caller.pool.take(caller.endpoint) is None


LATE = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"


async def spoke_late(caller, mock, said: bytes = LATE) -> None:
    """One whole exchange, then words that nobody asked for."""
    await caller.whole()
    await wait_all_tasks_blocked()
    link = caller.pool._stacks[caller.endpoint][-1].link
    await say(mock, -1, said)
    await until(lambda: link.readable)


async def say(mock, connection: int, said: bytes) -> None:
    await wait_all_tasks_blocked()  # the mock's own task is still leaving its send
    await mock.connections[connection]._stream.send_all(said)


async def test_who_spoke_unasked_gets_each_connection_used_once(caller, mock, caplog) -> None:
    await spoke_late(caller, mock)
    for _ in range(3):
        assert await caller.whole() == chat().body
    assert [request.connection for request in mock.requests] == [0, 1, 2, 3]
    assert caller.pool.idle() == 0
    (told,) = [record for record in caplog.records if "nobody asked for" in record.message]
    assert f"127.0.0.1:{mock.port}" in told.message


async def test_the_reaper_hears_it_too(caller, mock) -> None:
    for answer in await at_once(caller, 2):
        answer.close()
    link = caller.pool._stacks[caller.endpoint][0].link
    await say(mock, 0, LATE)
    await until(lambda: link.readable)
    caller.pool._reap(caller.pool._stacks[caller.endpoint])
    assert caller.pool.idle() == 0, "the other connection is the same peer's"
    await caller.whole()
    assert caller.pool.idle() == 0


async def test_what_has_come_by_the_time_of_giving_back_is_heard(caller, mock) -> None:
    """Between the answer's last byte and its end."""
    answer = await caller.ask()
    await answer.read_all(10_000)
    await say(mock, 0, LATE)
    link = answer._connection.link
    await until(lambda: link.readable)
    answer.close()
    assert caller.pool.idle() == 0
    assert link.closed
    assert await caller.whole() == chat().body
    assert caller.pool.idle() == 0


async def test_bytes_behind_an_answer_are_words_unasked(caller, mock) -> None:
    said = chat()
    for raw in (said.head() + said.body + LATE, *[said.head() + said.body] * 2):
        mock.script(replace(said, raw=raw))
        await caller.whole()
    assert [request.connection for request in mock.requests] == [0, 1, 2]


async def test_a_server_that_says_goodbye_to_an_idle_connection_is_trusted(caller, mock) -> None:
    await spoke_late(caller, mock, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
    await caller.whole()
    assert (mock.requests[-1].connection, caller.pool.idle()) == (1, 1)


def test_the_distrusted_are_remembered_within_bounds() -> None:
    pool = ConnectionPool(1, 30)
    for port in range(MAX_DISTRUSTED + 1):
        pool.distrust(Endpoint("a", port, tls=False))
    assert len(pool._distrusted) == MAX_DISTRUSTED
    assert Endpoint("a", MAX_DISTRUSTED, tls=False) in pool._distrusted


async def test_a_connection_with_bytes_behind_its_answer_is_not_given_back(caller, mock) -> None:
    answer = chat()
    mock.script(type(answer)(raw=answer.head() + b"".join([answer.body]) + b"HTTP/1.1 200 OK\r\n"))
    await caller.whole()
    assert caller.pool.idle() == 0


async def test_reaping_drops_the_old_and_the_dead(caller, mock, autojump_clock) -> None:
    for answer in await at_once(caller, 2):
        answer.close()
    (stack,) = caller.pool._stacks.values()
    first = stack[0].link
    await trio.aclose_forcefully(mock.connections[0]._stream)
    await until(lambda: first.hangup)
    caller.pool._reap(stack)
    assert caller.pool.idle() == 1


@pytest.mark.pure
async def test_reaping_goes_on_by_itself(autojump_clock, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, reaped = ConnectionPool(3, 30), []
    pool._stacks[Endpoint("a", 1, tls=False)] = []
    monkeypatch.setattr(pool, "_reap", reaped.append)
    with trio.move_on_after(3.5 * REAP_EVERY_S):
        await pool.reap()
    assert len(reaped) == 3


async def test_close_closes_all(caller, mock) -> None:
    for answer in await at_once(caller, 3):
        answer.close()
    caller.pool.close()
    assert caller.pool.idle() == 0
    await until(lambda: mock.open_connections == 0)
