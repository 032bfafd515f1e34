"""The rings of shared memory in which workers tell each other what they learn."""

from __future__ import annotations

import os

import pytest

from proxy.process.facts import SLOTS, SharedFacts
from proxy.routing.facts import MESSAGE_BYTES


def message(number: int) -> bytes:
    return number.to_bytes(8, "big").ljust(MESSAGE_BYTES, b"\0")


def numbers(messages: list[bytes]) -> list[int]:
    return [int.from_bytes(each[:8], "big") for each in messages]


def test_each_hears_the_others_once_and_not_itself() -> None:
    facts = SharedFacts(3)
    one, two, three = (facts.of(number) for number in (1, 2, 3))
    assert [ring.news() for ring in (one, two, three)] == [[], [], []]
    one.tell(message(1))
    two.tell(message(2))
    assert numbers(one.news()) == [2]
    assert numbers(two.news()) == [1]
    assert sorted(numbers(three.news())) == [1, 2]
    assert [ring.news() for ring in (one, two, three)] == [[], [], []]


def test_one_that_takes_a_dead_one_s_place_hears_what_it_and_the_others_knew() -> None:
    facts = SharedFacts(2)
    one, two = facts.of(1), facts.of(2)
    one.tell(message(1))
    two.tell(message(2))
    again = facts.of(1)
    assert sorted(numbers(again.news())) == [1, 2]
    again.tell(message(3))
    assert numbers(two.news()) == [1, 3]
    assert again.news() == []


def test_a_ring_is_bounded_and_the_latest_are_there() -> None:
    facts = SharedFacts(2)
    one, two = facts.of(1), facts.of(2)
    for number in range(3 * SLOTS):
        one.tell(message(number))
    assert numbers(two.news()) == list(range(2 * SLOTS, 3 * SLOTS))


@pytest.mark.parametrize("cut", [1, 8, 12, 100])
def test_a_message_that_was_not_finished_is_passed_over(cut: int) -> None:
    """Its writer died in the middle, and its successor overwrites it."""
    facts = SharedFacts(2)
    one, two = facts.of(1), facts.of(2)
    one.tell(message(1))
    assert numbers(two.news()) == [1]
    at = one._slot(one._own, 2)
    one.tell(message(2))
    one._memory[at + cut] ^= 0xFF  # as if not all of it had been written
    assert two.news() == []
    facts.of(1).tell(message(3))
    assert numbers(two.news()) == [3]


def test_it_is_shared_over_a_fork() -> None:
    facts = SharedFacts(2)
    pid = os.fork()
    if not pid:
        facts.of(1).tell(message(7))
        os._exit(0)
    os.waitpid(pid, 0)
    assert numbers(facts.of(2).news()) == [7]
