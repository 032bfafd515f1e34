from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from proxy.errors import GatewayError
from proxy.gateway.reading import spool as spool_module
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.refusals import disk_share_taken, memory_share_taken
from proxy.gateway.reading.spool import BLOCK_BYTES, READ_BYTES, Edit, Spool, SpoolLimits
from proxy.wire.gone import ClientGone
from proxy.wire.link import Link
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor
from proxy.wire.uplink import Answered, Uplink

LIMITS = SpoolLimits(memory_bytes=1_000, size_bytes=50_000_000)
BODY = bytes(range(256)) * 4 * 3_000
"""Three blocks."""


class Shares:
    def __init__(self, memory: int = 1 << 30, disk: int = 1 << 30) -> None:
        self.memory = Budget(memory, memory_share_taken)
        self.disk = Budget(disk, disk_share_taken)

    def held(self) -> tuple[int, int]:
        return self.memory.held_bytes, self.disk.held_bytes


@pytest.fixture
def shares() -> Shares:
    return Shares()


def spool_of(shares: Shares, limits: SpoolLimits = LIMITS) -> Spool:
    return Spool(limits, shares.memory.lease(), shares.disk.lease(), Parking(Reactor()))


async def filled(
    shares: Shares, body: bytes = BODY, piece: int = 100_000, limits: SpoolLimits = LIMITS
) -> Spool:
    spool = spool_of(shares, limits)
    for at in range(0, len(body), piece):
        await spool.write(body[at : at + piece])
    await spool.end()
    return spool


@pytest.fixture
def descriptors() -> Iterator[None]:
    """None is left open."""

    def files() -> list[str]:
        links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return sorted(name for name in links if name.startswith("/var/tmp") and "(deleted)" in name)

    before = files()
    yield
    deadline = time.monotonic() + 2
    while files() != before and time.monotonic() < deadline:
        time.sleep(0.01)  # a thread closes them
    assert files() == before


@asynccontextmanager
async def a_link() -> AsyncIterator[tuple[Link, trio.socket.SocketType, Parking]]:
    ours, theirs = socket.socketpair()
    reactor = Reactor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.run)
        parking = Parking(reactor)
        ours.setblocking(False)
        link = Link(reactor, ours, parking)
        yield link, trio.socket.from_stdlib_socket(theirs), parking
        link.close()
        theirs.close()
        nursery.cancel_scope.cancel()


async def sent(spool: Spool, edits: tuple[Edit, ...] = ()) -> bytes:
    got = bytearray()
    source = spool.source(edits)
    async with a_link() as (link, peer, _):

        async def take() -> None:
            while len(got) < source.length:
                got.extend(await peer.recv(1 << 20))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await source.send_to(Uplink(link, 10, time.monotonic() + 10))
    return bytes(got)


async def test_a_small_body_stays_in_memory(shares: Shares) -> None:
    spool = await filled(shares, b"x" * 1_000, piece=300)
    assert not spool.on_disk
    assert spool.in_memory() == b"x" * 1_000
    assert shares.held() == (1_000, 0)
    spool.close()
    spool.close()
    assert shares.held() == (0, 0)


@pytest.mark.parametrize("piece", [333, 100_000, len(BODY)])
@pytest.mark.usefixtures("descriptors")
async def test_a_long_one_goes_to_the_disk_and_comes_back_as_it_was(shares: Shares, piece: int) -> None:
    spool = await filled(shares, piece=piece)
    assert (spool.on_disk, spool.size_bytes, shares.held()) == (True, len(BODY), (0, len(BODY)))
    assert await sent(spool) == BODY
    assert await sent(spool) == BODY, "each attempt reads it anew"
    spool.close()
    assert shares.held() == (0, 0)


@pytest.mark.usefixtures("descriptors")
async def test_the_file_has_no_name(shares: Shares, tmp_path: Path) -> None:
    spool = await filled(shares, limits=SpoolLimits(1_000, 50_000_000, str(tmp_path)))
    assert not os.listdir(tmp_path)  # noqa: PTH208
    spool.close()


@pytest.mark.parametrize(
    "edits",
    [
        ((0, 5), b"begin"),
        ((5, 5), b"put in"),
        ((READ_BYTES - 1, READ_BYTES + 1), b""),
        ((len(BODY) - 3, len(BODY)), b"the end"),
        ((10, 2 * BLOCK_BYTES), b"much less"),
    ],
)
@pytest.mark.usefixtures("descriptors")
async def test_it_is_sent_with_edits(shares: Shares, edits: Edit) -> None:
    spool = await filled(shares)
    (start, end), instead = edits
    for more in ((), (((len(BODY), len(BODY)), b"behind"),)):
        expected = BODY[:start] + instead + BODY[end:] + (b"behind" if more else b"")
        assert spool.source((*more, edits)).length == len(expected)
        assert await sent(spool, (*more, edits)) == expected
    spool.close()


@pytest.mark.usefixtures("descriptors")
async def test_memory_is_given_back_block_by_block(shares: Shares) -> None:
    spool = spool_of(shares)
    for _ in range(300):
        await spool.write(b"x" * 10_000)
        assert shares.memory.held_bytes <= BLOCK_BYTES + 10_000
    spool.close()


@pytest.mark.usefixtures("descriptors")
async def test_over_its_limit_it_is_413(shares: Shares) -> None:
    spool = spool_of(shares, SpoolLimits(1_000, 5_000))
    await spool.write(b"x" * 5_000)
    with pytest.raises(GatewayError) as caught:
        await spool.write(b"x")
    assert (caught.value.status, caught.value.code) == (413, "request_too_large")
    spool.close()
    assert shares.held() == (0, 0)


@pytest.mark.parametrize(("code", "word"), [(errno.ENOSPC, "full"), (errno.EACCES, "cannot keep")])
@pytest.mark.usefixtures("descriptors")
async def test_a_disk_that_fails_is_507(
    shares: Shares, monkeypatch: pytest.MonkeyPatch, code: int, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    if code == errno.ENOSPC:  # the kernel's own disk that is full
        monkeypatch.setattr(spool_module, "_nameless", lambda _: os.open("/dev/full", os.O_RDWR))
        limits = LIMITS
    else:
        limits = SpoolLimits(1_000, 50_000_000, "/nowhere/at/all")
    spool = spool_of(shares, limits)
    with pytest.raises(GatewayError) as caught:
        await spool.write(BODY)
    error = caught.value
    assert (error.status, error.code, error.fault.value) == (507, "insufficient_storage", "gateway")
    assert word in error.message
    assert "/nowhere" not in error.message
    assert "spool_folder" in caplog.text
    spool.close()
    assert shares.held() == (0, 0)


@pytest.mark.usefixtures("descriptors")
async def test_an_upstream_that_answers_first_is_heard(shares: Shares) -> None:
    spool = await filled(shares)
    async with a_link() as (link, peer, _):
        await peer.send(b"HTTP/1.1 413 no\r\n\r\n")
        while not link.readable:
            await trio.lowlevel.checkpoint()
        with pytest.raises(Answered):
            await spool.source(()).send_to(Uplink(link, 10))
    async with a_link() as (link, peer, _):  # it takes something, answers, and takes no more

        async def refuse() -> None:
            await peer.recv(100_000)
            await peer.send(b"HTTP/1.1 413 no\r\n\r\n")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(refuse)
            with pytest.raises(Answered):
                await spool.source(()).send_to(Uplink(link, 10))
    spool.close()


@pytest.mark.usefixtures("descriptors")
async def test_an_upstream_that_stops_reading_is_late(shares: Shares) -> None:
    spool = await filled(shares)
    async with a_link() as (link, _, _):
        with pytest.raises(Late):
            await spool.source(()).send_to(Uplink(link, 0.1))
    async with a_link() as (link, _, _):
        with pytest.raises(Late):
            await spool.source(()).send_to(Uplink(link, 10, time.monotonic() + 0.1))
    spool.close()


@pytest.mark.usefixtures("descriptors")
async def test_a_client_that_leaves_ends_it(shares: Shares) -> None:
    spool = await filled(shares)
    async with a_link() as (link, peer, parking):

        async def leave() -> None:
            await peer.recv(100_000)
            parking.leave()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            with pytest.raises(ClientGone):
                await spool.source(()).send_to(Uplink(link, 10))
    spool.close()
