"""What the gateway holds while nobody asks: memory and descriptors, from /proc."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

MB = 2**20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GROWTH_BYTES = 3 * MB
GROWTH_SHARE = 0.05
"""Memory may grow by the larger of the two: arenas fragment, and a cache may fill late."""
SETTLE_S = 15.0
"""Idle upstream connections are dropped within `upstream_idle_timeout_s` and a reaping (5 s)."""


@dataclass(frozen=True)
class Held:
    rss_bytes: int
    descriptors: int
    sockets: int

    def __str__(self) -> str:
        return f"{self.rss_bytes / MB:.1f} MB, {self.descriptors} descriptors, {self.sockets} of them sockets"


def held(pid: int) -> Held:
    targets = [_target(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Held(resident * PAGE_BYTES, len(targets), sum(each.startswith("socket:") for each in targets))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


async def settled(pid: int, base: Held) -> Held:
    """Once its descriptors are what they were, or after a while."""
    with trio.move_on_after(SETTLE_S):
        while held(pid).descriptors > base.descriptors:  # noqa: ASYNC110 - another process tells nobody
            await trio.sleep(0.1)
    return held(pid)


def grown(base: Held, early: Held, late: Held) -> Sequence[str]:
    """What grew: descriptors since before the load, memory since a while into it."""
    found = [
        f"{each.descriptors} descriptors, {each.sockets} of them sockets; {base.descriptors} and {base.sockets} before"
        for each in (early, late)
        if each.descriptors > base.descriptors or each.sockets > base.sockets
    ]
    growth = late.rss_bytes - early.rss_bytes
    if growth > max(GROWTH_BYTES, GROWTH_SHARE * early.rss_bytes):
        found.append(f"{growth / MB:.1f} MB more than {early.rss_bytes / MB:.1f} MB")
    return found
