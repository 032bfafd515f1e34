from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from loadtest.chaos.growth import GROWTH_BYTES, MB, Held, grown, held, settled

BASE = Held(rss_bytes=30 * MB, descriptors=10, sockets=5)
EARLY = Held(rss_bytes=40 * MB, descriptors=10, sockets=5)


def test_sockets_are_counted_among_the_descriptors() -> None:
    before = held(os.getpid())
    with socket.socket(), Path(os.devnull).open():
        now = held(os.getpid())
    assert (now.descriptors - before.descriptors, now.sockets - before.sockets) == (2, 1)
    assert now.rss_bytes > MB


@pytest.mark.parametrize(
    ("late", "count"),
    [
        (EARLY, 0),
        (Held(EARLY.rss_bytes + GROWTH_BYTES, 10, 5), 0),
        (Held(EARLY.rss_bytes + GROWTH_BYTES + 1, 10, 5), 1),
        (Held(EARLY.rss_bytes, 11, 5), 1),
        (Held(EARLY.rss_bytes, 10, 6), 1),
        (Held(EARLY.rss_bytes * 2, 11, 5), 2),
    ],
)
def test_what_grew(late: Held, count: int) -> None:
    assert len(grown(BASE, EARLY, late)) == count


def test_descriptors_must_be_back_at_the_first_look_too() -> None:
    assert len(grown(BASE, Held(EARLY.rss_bytes, 11, 6), EARLY)) == 1


def test_a_large_process_may_grow_by_its_share() -> None:
    large = Held(rss_bytes=200 * MB, descriptors=10, sockets=5)
    assert grown(BASE, large, Held(209 * MB, 10, 5)) == []
    assert len(grown(BASE, large, Held(211 * MB, 10, 5))) == 1


async def test_settled_is_when_the_descriptors_are_what_they_were(autojump_clock: object) -> None:
    pid, base = os.getpid(), held(os.getpid())
    assert (await settled(pid, base)).descriptors == base.descriptors
    with socket.socket():
        assert (await settled(pid, base)).descriptors == base.descriptors + 1
