"""Turns in one line."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.callers import caller_of
from proxy.access.identity import Caller, Team, VirtualKey
from proxy.gateway.trying.line import MOST_LEFT, Level, Line, Place, Share, share_of

KEY = VirtualKey(id="ab" * 32, token="ab" * 32, key_name="sk-...abcd")


def served(line: Line, count: int) -> str:
    """Who goes, one after the other."""
    went = ""
    for _ in range(count):
        place = line.first()
        line.leave(place)
        went += place.caller.decode()
    return went


def test_callers_take_turns_each_first_come_first_served() -> None:
    line = Line()
    places = [line.join(Share(name)) for name in (b"a", b"a", b"a", b"b", b"a", b"c", b"b")]
    assert served(line, 4) == "abca"
    assert line.first() is places[6]
    assert served(line, 3) == "baa"
    assert not line


def test_who_has_twice_the_weight_has_two_turns() -> None:
    line = Line()
    for _ in range(40):
        line.join(Share(b"a", 2.0))
        line.join(Share(b"b", 1.0))
        line.join(Share(b"c", 0.5))
    assert Counter(served(line, 35)) == {"a": 20, "b": 10, "c": 5}


def test_who_comes_back_at_once_has_no_two_turns_for_one() -> None:
    """A flood, and one that asks again as soon as it was served."""
    line = Line()
    for _ in range(100):
        line.join(Share(b"a"))
    went = ""
    for _ in range(50):
        line.join(Share(b"b"))
        went += served(line, 2)
    assert abs(Counter(went)["a"] - Counter(went)["b"]) <= 2


def test_who_rested_gets_no_turns_for_that() -> None:
    line = Line()
    for _ in range(30):
        line.join(Share(b"a"))
    assert served(line, 10) == "a" * 10
    for _ in range(10):
        line.join(Share(b"b"))
    assert Counter(served(line, 10)) == {"a": 5, "b": 5}


def test_a_priority_comes_before_any_weight() -> None:
    line = Line()
    line.join(Share(b"a", 100.0), 5)
    line.join(Share(b"b", 0.01), 0)
    assert served(line, 2) == "ba"


def test_who_leaves_from_behind_has_had_no_turn() -> None:
    line = Line()
    first, second = line.join(Share(b"a")), line.join(Share(b"a"))
    line.join(Share(b"b"))
    line.leave(second)
    assert line.first() is first
    assert served(line, 2) == "ab"


@given(
    weights=st.lists(st.floats(0.1, 10.0), min_size=1, max_size=5),
    steps=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=200),
)
def test_nobody_who_waits_is_behind_its_share_by_more_than_a_turn(
    weights: list[float], steps: list[tuple[int, bool]]
) -> None:
    """While two wait all the time, what each was served by its weight differs by a turn of each at most."""
    line, always = Line(), [Share(b"x", 1.0), Share(b"y", 3.0)]
    for share in always:
        line.join(share)
    shares = [Share(b"%d" % number, weight) for number, weight in enumerate(weights)]
    others: list[Place] = []
    had = Counter[bytes]()
    for which, leaves in steps:
        if leaves and others:
            gone = others.pop(which % len(others))
            if gone.line is not None:
                line.leave(gone)
        else:
            others.append(line.join(shares[which % len(shares)]))
        place = line.first()
        line.leave(place)
        had[place.caller] += 1
        for share in always:
            if share.caller == place.caller:
                line.join(share)
    assert abs(had[b"x"] - had[b"y"] / 3) <= 1 + 1 / 3 + 1e-9


def test_who_waits_no_more_is_forgotten_in_the_end() -> None:
    level = Level()
    stays = Place(b"stays", Line())
    level.join(stays, 1.0)
    for number in range(MOST_LEFT * 2):
        place = Place(b"%d" % number, Line())
        level.join(place, 1.0)
        level.leave(place)
    assert len(level._left) <= MOST_LEFT


@pytest.mark.parametrize(
    ("team", "key_weight", "weight", "as_one"),
    [
        (None, None, 1.0, False),
        (None, 3.0, 3.0, False),
        (Team(team_id="t"), 3.0, 3.0, False),
        (Team(team_id="t", queue_weight=5.0), 3.0, 5.0, True),
    ],
)
def test_a_team_with_a_weight_takes_its_turns_as_one(
    team: Team | None, key_weight: float | None, weight: float, as_one: bool
) -> None:
    one, other = (
        caller_of(VirtualKey(id=id_ * 32, token=id_ * 32, key_name="sk", queue_weight=key_weight), team, None)
        for id_ in ("ab", "cd")
    )
    assert share_of(one).weight == weight
    assert (share_of(one).caller == share_of(other).caller) is as_one
    assert share_of(one).own != share_of(other).own


def test_who_has_no_key_has_a_turn() -> None:
    assert share_of(Caller("master", b"master")) == Share(b"master", 1.0, b"master")
