from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.schedule import LENGTH_LIMIT, sequence


def nginx(weights: list[int]) -> tuple[int, ...]:
    """The algorithm as nginx has it, one whole period."""
    total = sum(weights)
    balance = [0] * len(weights)
    turns = []
    for _ in range(total // math.gcd(*weights)):
        balance = [have + weight for have, weight in zip(balance, weights, strict=True)]
        best = balance.index(max(balance))
        balance[best] -= total
        turns.append(best)
    return tuple(turns)


@pytest.mark.parametrize(
    ("weights", "turns"),
    [
        ([5, 1, 1], "aabacaa"),
        ([1], "a"),
        ([7], "a"),
        ([1, 1, 1], "abc"),
        ([2, 2], "ab"),
        ([3, 1], "aaba"),
        ([1, 3], "babb"),
        ([4, 2, 2], "abca"),
    ],
)
def test_known_orders(weights: list[int], turns: str) -> None:
    assert "".join("abc"[index] for index in sequence(weights)) == turns


@given(st.lists(st.integers(1, 12), min_size=1, max_size=24))
def test_the_order_is_nginx_s(weights: list[int]) -> None:
    assert sequence(weights) == nginx(weights)


@pytest.mark.parametrize("weights", [[723, 724], [10**9, 10**9 - 1, 10**9 + 1]])
def test_weights_that_are_nearly_equal_take_plain_turns(weights: list[int]) -> None:
    assert sequence(weights, 200) == tuple(range(len(weights)))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=50))
def test_long_periods_are_shortened_within_the_stated_error(weights: list[int]) -> None:
    limit = 200
    turns = sequence(weights, limit)
    count = len(weights)
    assert len(turns) <= limit + count
    picked = Counter(turns)
    for index, weight in enumerate(weights):
        share = weight / sum(weights)
        error = abs(picked[index] / len(turns) - share)
        assert picked[index] >= 1
        assert error <= (1 + count * share) / (limit - count / 2) + 1e-9


def test_a_thousand_deployments_of_many_weights_stay_within_bounds() -> None:
    assert sequence([3] * 1000) == tuple(range(1000))
    turns = sequence(list(range(1, 1001)))
    assert set(turns) == set(range(1000))
    assert len(turns) <= LENGTH_LIMIT + 1000
