from __future__ import annotations

from random import Random

import pytest

from loadtest.answers import DONE, Fault
from loadtest.chaos.said import FAULTS, content, error_said, said, said_in_trouble

BREAKS = {
    "silent": Fault.STALL,
    "head-then-silent": Fault.STALL,
    "stalls": Fault.STALL,
    "resets": Fault.RESET,
    "closes": Fault.CLOSE,
    "unanswered": Fault.CLOSE,
    "head-cut": Fault.CLOSE,
}


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_judges_can_say_it_again(stream: bool) -> None:
    for number in range(50):
        assert said("u0", number, stream=stream) == said("u0", number, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_no_two_answers_are_alike(stream: bool) -> None:
    found = {content(said(name, number, stream=stream)) for name in ("u0", "u1") for number in range(50)}
    assert len(found) == 100


def test_every_event_names_its_upstream_and_its_request() -> None:
    *events, last = content(said("u3", 77, stream=True)).split(b"\n\n")[:-1]
    assert last + b"\n\n" == DONE
    assert all(b'"u3.77"' in event for event in events)


@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_answer_breaks_before_its_end(kind: str, stream: bool) -> None:
    random = Random(1)
    for number in range(200):
        answer = said_in_trouble("u0", number, kind, random, stream=stream)
        assert answer.fault is BREAKS[kind]
        assert answer.fault_at < sum(map(len, answer.writes()))
        if kind in ("stalls", "resets", "closes"):
            assert answer.fault_at > len(answer.head())


def test_streams_break_between_their_events_too() -> None:
    random, between = Random(1), 0
    for number in range(200):
        answer = said_in_trouble("u0", number, "closes", random, stream=True)
        came = b"".join(answer.writes())[: answer.fault_at]
        between += came.endswith(b"\n\n\r\n")
    assert 50 < between < 150


@pytest.mark.parametrize("kind", sorted(set(FAULTS) - set(BREAKS) - {"garbage"}))
def test_an_error_is_its_own_whatever_was_asked_for(kind: str) -> None:
    found = said_in_trouble("u1", 5, kind, Random(1), stream=True)
    assert found == error_said("u1", 5, int(kind))
    assert b"u1.5" in content(found)
