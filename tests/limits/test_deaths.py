"""A worker is killed at each step of what it does to the memory: all of it is done then, or none."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

import msgspec
import pytest

from proxy.limits.layout import DIGEST_BYTES, HEAD, SHARE, Layout
from proxy.limits.ledger import Charge, Ledger, Reservation
from proxy.limits.subjects import subject
from proxy.limits.values import Demand, Rule

pytestmark = pytest.mark.pure
"""Steps are Python's own."""
NOW, UNIX = 1_000.0, 1_700_000_000.0
LAYOUT = Layout(rows=2, workers=2)
KEY = Rule(
    subject("key", "a"), "key", rpm=10, tpm=1_000, parallel=5, budget=1_000_000, kind=3, start=1_000_000_000
)
TEAM = Rule(
    subject("team", "t"), "team", rpm=10, tpm=1_000, parallel=5, budget=1_000_000, kind=3, start=1_000_000_000
)
OTHER = Rule(subject("key", "b"), "key", rpm=5)
DEMAND = Demand(tokens=100, least=10, most=50)
MOST_STEPS = 20_000
WRITERS = ("journal.py", "minute.py", "table.py")


class Death(BaseException):
    """At any instruction: what is written then stays, as with a kill, and is much sooner had."""


class Scene:
    """Two workers, of which the first has a request running and another settled."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, LAYOUT.size)
        self.ledger = self.hand(1)
        for rule in (KEY, TEAM):
            self.ledger.load(rule, 500, NOW)
        self.running = self.reserve(KEY, TEAM)
        self.charge = self.ledger.settle(self.reserve(KEY), 40, 30, UNIX, NOW)

    def hand(self, worker: int) -> Ledger:
        """The kernel frees the lock of who is killed: the next one has it."""
        return Ledger(memoryview(self.memory), threading.Lock(), LAYOUT, worker)

    def reserve(self, *rules: Rule, now: float = NOW) -> Reservation:
        found = self.ledger.reserve(rules, DEMAND, now)
        assert isinstance(found, Reservation)
        return found

    def state(self) -> bytes:
        """All but the rings, of which those who are not counted yet may have been moved on, and the journal."""
        self.hand(2).standing(KEY, NOW)  # whoever comes next mends
        with memoryview(self.memory) as memory:
            return bytes(memory[LAYOUT.digests : LAYOUT.rings])


Act: TypeAlias = Callable[[Scene], None]
Dying: TypeAlias = Callable[[Act], Iterator[Scene]]


def reserves(scene: Scene) -> None:
    scene.reserve(KEY, TEAM, now=NOW + 7)


def settles(scene: Scene) -> None:
    scene.ledger.settle(scene.running, 60, 20, UNIX, NOW + 7)


def is_written(scene: Scene) -> None:
    scene.ledger.written([scene.charge, Charge((), 1)])


def gives_back(scene: Scene) -> None:
    scene.hand(2).give_back(1)


def begins_a_period(scene: Scene) -> None:
    later = msgspec.structs.replace(KEY, start=1_500_000_000)
    scene.ledger.reserve([later], Demand(most=2_000_000, least=2_000_000), NOW)


def adopts(scene: Scene) -> None:
    scene.hand(2).adopt(KEY.subject, KEY.start, 530, 1)


def gives_a_row_to_another(scene: Scene) -> None:
    scene.ledger.written([scene.charge])
    scene.ledger.settle(scene.running, 0, 0, UNIX, NOW)
    scene.ledger.reserve([OTHER], DEMAND, NOW + 70)


def ended_at_each_step(act: Act) -> Iterator[Scene]:
    """What is left each time: one instruction after the other."""
    for step in range(1, MOST_STEPS):
        scene = Scene()

        def die() -> None:
            raise Death

        try:
            with _traced(step, "opcode", ("proxy/limits",), die):
                act(scene)
        except Death:
            yield scene
        else:
            assert step > 100
            return
    raise AssertionError("it has no end")


def killed_at_each_line(act: Act) -> Iterator[Scene]:
    """What a process leaves that is killed there, for each line of those files that write."""
    for step in range(1, MOST_STEPS):
        scene = Scene()
        pid = os.fork()
        if not pid:
            with _traced(step, "line", WRITERS, lambda: os.kill(os.getpid(), signal.SIGKILL)):
                act(scene)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        yield scene
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            assert os.waitstatus_to_exitcode(status) == 0
            assert step > 5
            return
    raise AssertionError("it has no end")


@contextmanager
def _traced(step: int, kind: str, files: tuple[str, ...], die: Callable[[], None]) -> Iterator[None]:
    count = 0

    def trace(frame: FrameType, event: str, _arg: object) -> Callable[..., object] | None:
        nonlocal count
        name = frame.f_code.co_filename
        if "proxy/limits" not in name or not any(file in name for file in files):
            return None
        frame.f_trace_opcodes = kind == "opcode"
        if event == kind:
            count += 1
            if count == step:
                die()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


DEATHS = pytest.mark.parametrize("dying", [ended_at_each_step, killed_at_each_line])


@DEATHS
@pytest.mark.parametrize("act", [reserves, settles, is_written, gives_back, begins_a_period, adopts])
def test_all_or_none(act: Act, dying: Dying) -> None:
    before, after = Scene().state(), Scene()
    act(after)
    ends = {_known_rows(before, act), _known_rows(after.state(), act)}
    assert len(ends) == 2
    seen = set()
    for scene in dying(act):
        seen.add(_known_rows(scene.state(), act))
    assert seen == ends


@DEATHS
def test_a_row_is_given_away_whole(dying: Dying) -> None:
    """Its old holder's numbers never stand under the new one's name."""
    for scene in dying(gives_a_row_to_another):
        state = scene.state()
        ledger = scene.hand(2)
        standing = ledger.standing(OTHER, NOW + 70)
        assert standing is None or (standing.tokens, standing.spent) == (0, 0)
        if standing is not None:
            assert standing.requests == standing.running
        assert state[: 2 * DIGEST_BYTES].count(OTHER.subject) == (standing is not None)


def _known_rows(state: bytes, act: object) -> bytes:
    """Giving back goes row by row: each is whole."""
    if act is not gives_back:
        return state
    heads = LAYOUT.heads - LAYOUT.digests
    shares = LAYOUT.shares - LAYOUT.digests
    return state[heads : heads + HEAD.size] + state[shares : shares + SHARE.size]
