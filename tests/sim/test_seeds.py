"""A short run of the simulation; the long one is `make sim`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from loadtest.sim.farm import Played, play_seed
from loadtest.sim.plan import Fault
from loadtest.sim.scenario import SORTS, scenario

SEEDS = range(60)
REPLAYED = (0, 8, 9)
"""One of each sort."""
RUN_S = 60


@cache
def played(seed: int) -> Played:
    """Once, for all tests that ask for it."""
    return play_seed(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_wrong(seed: int) -> None:
    assert played(seed).wrong == []


def test_every_fault_is_met() -> None:
    """Else a seed proves less than it seems to."""
    met = sum((played(seed).faults for seed in SEEDS), Counter[Fault]())
    assert set(Fault) - set(met) == set()


def test_the_seeds_are_of_every_sort() -> None:
    assert {scenario(seed).sort for seed in REPLAYED} == set(SORTS)


@pytest.mark.parametrize("seed", REPLAYED)
def test_a_seed_replays_exactly(seed: int) -> None:
    assert play_seed(seed).digest == played(seed).digest


@pytest.mark.parametrize("seed", REPLAYED)
def test_a_seed_is_the_same_in_every_process(seed: int) -> None:
    """However strings are hashed there, and wherever objects lie."""

    def told(hash_seed: str) -> str:
        command = [sys.executable, "-m", "loadtest.sim", "--seed", str(seed)]
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=RUN_S, check=False
        )
        return done.stdout

    assert told("1") == told("2") == f"seed {seed}: {played(seed).digest}\nnothing is wrong\n"


def test_another_seed_is_another_story() -> None:
    assert played(0).digest != played(1).digest
