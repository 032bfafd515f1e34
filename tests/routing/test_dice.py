from __future__ import annotations

from collections import Counter

import pytest

from proxy.routing.dice import Dice


def test_the_same_seed_throws_the_same() -> None:
    def throws(seed: int) -> list[int]:
        dice = Dice(seed)
        return [dice.below(1000) for _ in range(50)]

    assert throws(7) == throws(7)
    assert throws(7) != throws(8)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1, -1])
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_every_side_comes_up_equally(seed: int, limit: int) -> None:
    dice = Dice(seed)
    counts = Counter(dice.below(limit) for _ in range(20 * limit + 20_000))
    assert set(counts) == set(range(limit))
    if limit <= 3:
        assert max(counts.values()) / min(counts.values()) < 1.06
