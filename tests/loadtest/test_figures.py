from __future__ import annotations

import pytest

from loadtest.figures import percentile


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.51, 3), (0.99, 4), (1, 4), (0.01, 1)])
def test_percentile(share: float, expected: int) -> None:
    assert percentile([4, 2, 3, 1], share) == expected
