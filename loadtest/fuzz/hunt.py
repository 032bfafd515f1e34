"""A hunt: batch after batch of connections against one worker, and after each the judge looks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import msgspec

from loadtest.fuzz.doors import DOORS, Pieces
from loadtest.gateway_process import GatewayProcess
from loadtest.hostile.attack import answers, attack

BATCH = 40
"""Connections between two looks of the judge."""
AT_ONCE = 8
LINGER_S = 0.02
DYING_S = 2.0
"""Between a worker's last answer and its exit code."""
_STOPPED = "ended by a bug"
"""What a wall says."""


class Found(msgspec.Struct):
    """Something that should not be. `batch`: of which seed."""

    door: str
    batch: int
    what: str


class Hunt(msgspec.Struct):
    """What was done, and found."""

    connections: int = 0
    found: list[Found] = []
    stopped: list[str] = []
    """What walls had to stop: no death, but a bug each."""

    @property
    def died(self) -> bool:
        return bool(self.found)


def batch(door: str, number: int, size: int = BATCH) -> list[Pieces]:
    """The connections of one batch: always the same ones."""
    chance = Random(f"{door}/{number}")
    return [DOORS[door](chance) for _ in range(size)]


def judge(gateway: GatewayProcess) -> str:
    """Empty: the worker lives, the same as ever, and answers somebody who did nothing wrong."""
    if answers(gateway.port):
        return ""
    try:
        return f"the worker died with {gateway.process.wait(DYING_S)}"
    except subprocess.TimeoutExpired:
        return "a plain request on a fresh connection was not answered"


def hunt(
    gateway: GatewayProcess, doors: Sequence[str], first: int, seconds: float = 0.0, batches: int = 0
) -> Hunt:
    """For so long, or so many batches per door; to the first death. `gateway`: one worker, no watcher above it."""
    done = Hunt(found=[], stopped=[])
    until = time.monotonic() + seconds
    for number in _numbers(first, until, batches):
        for door in doors:
            connections = batch(door, number)
            with ThreadPoolExecutor(AT_ONCE) as crowd:
                list(crowd.map(partial(attack, gateway.port, linger_s=LINGER_S), connections))
            done.connections += len(connections)
            if what := judge(gateway):
                done.found.append(Found(door, number, what))
                break
        if done.died:
            break
    done.stopped = stopped(gateway.log)
    return done


def _numbers(first: int, until: float, batches: int) -> Iterator[int]:
    number = first
    while number < first + batches or time.monotonic() < until:
        yield number
        number += 1


def stopped(log: Path) -> list[str]:
    """Each bug that a wall stopped, once."""
    seen: dict[str, None] = {}
    with log.open(errors="replace") as lines:
        for line in lines:
            if _STOPPED in line:
                seen[line.split(_STOPPED)[1].strip(": \n").split(" (")[0]] = None
    return list(seen)
