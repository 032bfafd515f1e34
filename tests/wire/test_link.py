from __future__ import annotations

import select
import socket
import struct
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.wire.gone import ClientGone
from proxy.wire.link import RECV_BYTES
from proxy.wire.parking import Late, Parking


def soon() -> float:
    return time.monotonic() + 2


def reset(peer: trio.SocketStream) -> None:
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.socket.close()


async def waits_at(parking: Parking) -> None:
    await parking.park()


async def test_read_waits_for_bytes_and_then_for_the_end(bench, nursery) -> None:
    link, peer = bench.link(bench.parking())

    async def say() -> None:
        await wait_all_tasks_blocked()
        await peer.send_all(b"hello")
        await wait_all_tasks_blocked()
        await peer.send_eof()

    nursery.start_soon(say)
    assert await link.read(soon()) == b"hello"
    assert await link.read(soon()) == b""
    assert await link.read(soon()) == b"", "the end stays the end"


async def test_a_reset_stays_a_reset(bench) -> None:
    """The kernel tells of it once, and of an end from then: whoever asks next must not take it for a whole answer."""
    link, peer = bench.link(bench.parking())
    reset(peer)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            await link.read(soon())


async def test_bytes_and_end_that_came_together_are_both_read(bench) -> None:
    link, peer = bench.link(bench.parking())
    await peer.send_all(b"last words")
    await peer.send_eof()
    await wait_all_tasks_blocked(0.01)
    assert [await link.read(soon()), await link.read(soon())] == [b"last words", b""]


async def test_a_short_read_waits_for_the_next_edge(bench) -> None:
    link, peer = bench.link(bench.parking())
    await peer.send_all(b"a")
    assert await link.read(soon()) == b"a"
    assert link.readable is False
    await peer.send_all(b"b")
    assert await link.read(soon()) == b"b"


async def test_a_full_read_asks_again_without_an_edge(bench) -> None:
    link, peer = bench.link(bench.parking())
    total = 4 * RECV_BYTES

    async def send(nursery: trio.Nursery) -> None:
        await peer.send_all(b"x" * total)

    got = 0
    async with trio.open_nursery() as sending:
        sending.start_soon(send, sending)
        while got < total:
            got += len(await link.read(soon()))
    assert got == total


async def test_exactly_one_full_buffer_loses_no_edge(bench) -> None:
    """The read that empties the socket to the last byte cannot know it: the next one finds nothing, and parks."""
    link, peer = bench.link(bench.parking())
    await peer.send_all(b"x" * RECV_BYTES)
    got = b""
    while len(got) < RECV_BYTES:
        got += await link.read(soon())
    with pytest.raises(Late):
        await link.read(time.monotonic() + 0.01)
    await peer.send_all(b"y")
    assert await link.read(soon()) == b"y"


async def test_read_is_late_at_its_deadline(bench) -> None:
    link, _ = bench.link(bench.parking())
    with pytest.raises(Late):
        await link.read(time.monotonic() + 0.01)


async def test_a_reset_is_an_oserror(bench) -> None:
    link, peer = bench.link(bench.parking())
    reset(peer)
    with pytest.raises(OSError, match="reset"):
        await link.read(soon())


async def test_a_reading_task_hears_that_the_client_left(bench, nursery) -> None:
    """While waiting for the upstream, in the parking that both links share."""
    parking = bench.parking()
    client, browser = bench.link(parking)
    client.is_client = True
    upstream, _ = bench.link(parking)
    await wait_all_tasks_blocked(0.01)

    async def leave() -> None:
        await wait_all_tasks_blocked()
        await browser.aclose()

    nursery.start_soon(leave)
    with trio.fail_after(1), pytest.raises(ClientGone):
        await upstream.read(soon())
    assert parking.gone


async def test_a_client_that_left_before_the_wait_is_noticed(bench) -> None:
    parking = bench.parking()
    client, browser = bench.link(parking)
    client.is_client = True
    upstream, _ = bench.link(parking)
    await browser.aclose()
    with trio.fail_after(1), pytest.raises(ClientGone):
        await upstream.read(soon())


async def test_an_upstream_that_closes_is_not_a_client_that_left(bench) -> None:
    parking = bench.parking()
    upstream, peer = bench.link(parking)
    await peer.aclose()
    assert await upstream.read(soon()) == b""
    assert not parking.gone


async def test_write_waits_for_a_slow_peer(bench, nursery) -> None:
    link, peer = bench.link(bench.parking(), narrow=True)
    data = bytes(range(256)) * 8192
    received = bytearray()

    async def take() -> None:
        while len(received) < len(data):
            received.extend(await peer.receive_some(8192))

    nursery.start_soon(take)
    await link.write(data, 10)
    link.close()
    with trio.fail_after(5):
        while len(received) < len(data):
            await trio.lowlevel.checkpoint()
    assert received == data


async def test_write_is_late_when_the_peer_does_not_read(bench) -> None:
    link, _ = bench.link(bench.parking(), narrow=True)
    with pytest.raises(Late):
        await link.write(b"x" * 8_000_000, 0.05)


async def test_write_ends_when_the_client_leaves(bench, nursery) -> None:
    parking = bench.parking()
    client, browser = bench.link(parking, narrow=True)
    client.is_client = True

    async def leave() -> None:
        await wait_all_tasks_blocked(0.01)
        await browser.aclose()

    nursery.start_soon(leave)
    with trio.fail_after(1), pytest.raises((ClientGone, OSError)):
        await client.write(b"x" * 8_000_000, 10)


async def test_what_comes_unasked_is_overheard(bench) -> None:
    link, peer = bench.link(None)
    assert link.overhear() is None
    await peer.send_all(b"unasked")
    await wait_all_tasks_blocked(0.01)
    assert link.overhear() == b"unasked"


async def test_last_words_before_the_end_are_overheard_too(bench) -> None:
    link, peer = bench.link(None)
    assert link.overhear() is None
    await peer.send_all(b"unasked")
    await peer.aclose()
    await wait_all_tasks_blocked(0.01)
    assert link.overhear() == b"unasked"
    link.close()
    assert link.overhear() == b""


async def test_a_closed_peer_is_not_silent(bench) -> None:
    link, peer = bench.link(None)
    assert link.overhear() is None
    await peer.aclose()
    await wait_all_tasks_blocked(0.01)
    assert link.overhear() == b""


async def test_a_pooled_link_remembers_its_edges(bench) -> None:
    """Events of a link that nobody waits for set its flags, and wake no one."""
    link, peer = bench.link(None)
    assert link.overhear() is None
    assert not link.readable
    await peer.send_all(b"x")
    await wait_all_tasks_blocked(0.01)
    assert link.readable
    assert bench.reactor.woken == 0


async def test_release_gives_the_socket_away_open(bench) -> None:
    link, peer = bench.link(bench.parking())
    sock = link.release()
    link.close()
    sock.setblocking(True)
    sock.sendall(b"still here")
    assert await peer.receive_some() == b"still here"
    assert len(bench.reactor) == 0


async def test_close_is_idempotent(bench) -> None:
    link, peer = bench.link(bench.parking())
    link.close()
    link.close()
    assert await peer.receive_some() == b""


async def test_an_event_for_a_link_that_was_closed_meanwhile_is_nothing(bench) -> None:
    link, _ = bench.link(bench.parking())
    link.close()
    link.on_event(select.EPOLLIN | select.EPOLLRDHUP)
    assert bench.reactor.woken == 0


async def test_an_early_answer_is_seen_and_stays_to_be_read(bench) -> None:
    link, peer = bench.link(bench.parking())
    assert not link.spoke()
    await peer.send_all(b"HTTP/1.1 413 Too Large\r\n")
    await wait_all_tasks_blocked(0.01)
    assert link.spoke()
    assert link.spoke()
    assert await link.read(soon()) == b"HTTP/1.1 413 Too Large\r\n"
    await peer.aclose()
    await wait_all_tasks_blocked(0.01)
    assert link.spoke()
    assert await link.read(soon()) == b""


async def test_a_reset_counts_as_having_spoken(bench) -> None:
    link, peer = bench.link(bench.parking())
    reset(peer)
    await wait_all_tasks_blocked(0.01)
    assert link.spoke()


async def test_a_wary_link_posts_only_into_silence(bench) -> None:
    """Not a byte goes out once the peer has spoken, though the reactor has not heard of it yet."""
    link, peer = bench.link(bench.parking())
    assert link.overhear() is None
    link.wary = True
    link.post(b"first")
    assert await peer.receive_some() == b"first"
    await peer.send_all(b"answer")
    assert await link.read(soon()) == b"answer"
    link.wary = True
    peer.socket._sock.send(b"late")
    assert not link.readable
    link.post(b"second")
    assert link.unasked
    assert await link.read(soon()) == b"late"
    link.close()
    assert await peer.receive_some() == b""


async def test_what_is_posted_goes_out_though_the_dispatcher_sleeps(bench, nursery) -> None:
    """A task that the reactor does not know of posts, while one that was woken from outside has yet to run."""
    link, peer = bench.link(bench.parking())
    other = bench.parking()
    nursery.start_soon(waits_at, other)
    await wait_all_tasks_blocked(0.01)
    other.wake()
    link.post(b"request")
    with trio.fail_after(1):
        assert await peer.receive_some() == b"request"


async def test_what_is_posted_keeps_its_place_among_what_is_sent(bench, nursery) -> None:
    link, peer = bench.link(bench.parking())
    other = bench.parking()
    nursery.start_soon(waits_at, other)
    await wait_all_tasks_blocked(0.01)
    other.wake()
    link.post(b"1")
    link.post(b"2")
    await link.write(b"3", 10)
    link.post(b"4")
    got = b""
    with trio.fail_after(1):
        while len(got) < 4:
            got += await peer.receive_some()
    assert got == b"1234"


async def test_what_is_posted_to_a_full_socket_is_sent_when_there_is_room(bench) -> None:
    link, peer = bench.link(bench.parking(), narrow=True)
    filled = 0
    while sent := link.send(b"x" * 65536):
        filled += sent
    for _ in range(20):
        link.post(b"y" * 16000)
    got = bytearray()
    with trio.fail_after(5):
        while len(got) < filled + 320_000:
            got += await peer.receive_some(65536)
    assert got == b"x" * filled + b"y" * 320_000


async def test_what_is_posted_to_a_link_that_closes_is_nothing(bench, nursery) -> None:
    link, peer = bench.link(bench.parking())
    other = bench.parking()
    nursery.start_soon(waits_at, other)
    await wait_all_tasks_blocked(0.01)
    other.wake()
    link.close()
    assert await peer.receive_some() == b""
