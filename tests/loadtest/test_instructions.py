from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from loadtest.bench.machine import ROOT
from loadtest.instructions import clock
from loadtest.instructions.tracing import Tracer

TELLS_THE_TIME = """
import select, sys, time
poll = select.epoll()
for line in sys.stdin:
    poll.poll(float(line))
    print(time.monotonic(), time.time(), flush=True)
"""


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> clock.SlowClock:
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    library = tmp_path / "slow_clock.so"
    source = ROOT / "loadtest/slow_clock.c"
    subprocess.run(("cc", "-shared", "-fPIC", "-o", library, source, "-ldl"), check=True)
    monkeypatch.setattr(clock, "LIBRARY", library)
    return clock.SlowClock(tmp_path)


def test_the_clock_of_another_process_nearly_stands_still_and_goes_on(slow_clock: clock.SlowClock) -> None:
    command = (sys.executable, "-c", TELLS_THE_TIME)
    with subprocess.Popen(
        command,
        env={**os.environ, **slow_clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as teller:
        assert teller.stdin is not None
        assert teller.stdout is not None

        def after(wait_s: float) -> tuple[float, float]:
            print(wait_s, file=teller.stdin, flush=True)
            monotonic, unix = teller.stdout.readline().split()
            return float(monotonic), float(unix)

        after(0)
        with slow_clock.slow():
            began = after(0)
            waited = after(0.01)
        resumed = after(0)
        later = after(0.1)
        teller.stdin.close()
    for kind in range(2):
        assert 0.009 <= waited[kind] - began[kind] < 0.5  # a second and more for everybody else
        assert later[kind] - resumed[kind] >= 0.1


def test_a_tracer_counts_each_functions_bytecodes(tmp_path: Path) -> None:
    def counted(times: int) -> Counter[str]:
        tracer, before = Tracer(), sys.gettrace()
        sys.settrace(tracer)
        try:
            for _ in range(times):
                add(1, 2)
        finally:
            sys.settrace(before)
        return tracer.counts()

    one, three = counted(1), counted(3)
    name = "test_instructions.py:add"
    assert one[name] >= 4
    assert three[name] == 3 * one[name]


def add(one: int, other: int) -> int:
    return one + other
