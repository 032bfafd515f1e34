"""Many seeds in several processes, and what they add up to."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from loadtest.sim import interference
from loadtest.sim.judges import verdict
from loadtest.sim.plan import Fault
from loadtest.sim.play import play
from loadtest.sim.scenario import scenario
from loadtest.sim.story import Chronicle

CHUNK_SEEDS = 20
"""Handed to a process at a time."""


@dataclass
class Played:
    """One seed's result."""

    seed: int
    digest: str
    wrong: list[str]
    virtual_s: float
    requests: int
    attempts: int
    faults: Counter[Fault]


@dataclass
class Harvest:
    """Of all seeds so far."""

    seeds: int = 0
    virtual_s: float = 0.0
    requests: int = 0
    attempts: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, played: Played) -> None:
        self.seeds += 1
        self.virtual_s += played.virtual_s
        self.requests += played.requests
        self.attempts += played.attempts
        self.faults += played.faults
        if played.wrong:
            self.failed[played.seed] = played.wrong


def play_seed(seed: int) -> Played:
    """One run with its verdict. A run that breaks off is wrong, too."""
    return _played(seed, _alone)


def play_beside(seed: int) -> Played:
    """The same with and without a hostile caller."""
    return _played(seed, lambda seed: interference.judge(interference.shared(seed)))


def _alone(seed: int) -> tuple[list[str], Chronicle]:
    plan = scenario(seed)
    story = play(plan)
    return verdict(plan, story), story


def _played(seed: int, judged: Callable[[int], tuple[list[str], Chronicle]]) -> Played:
    try:
        wrong, story = judged(seed)
    except Exception as broken:  # noqa: BLE001 - whatever breaks a run is this seed's failure
        why = f"the run broke off: {''.join(traceback.format_exception(broken)[-3:])}"
        return Played(seed, "", [why], 0.0, 0, 0, Counter())
    return Played(
        seed,
        story.digest(),
        wrong,
        story.lasted_s,
        len(story.asked),
        len(story.attempts),
        story.faults,
    )


def play_seeds(seeds: range, jobs: int, player: Callable[[int], Played] = play_seed) -> Iterator[Played]:
    """In the order of the seeds."""
    if jobs == 1:
        yield from map(player, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(player, seeds, CHUNK_SEEDS)


def timed() -> float:
    """Seconds of the real clock, outside of runs."""
    return time.perf_counter()
