"""What many measured values come down to."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below `share` of them."""
    return sorted(values)[max(0, -int(-len(values) * share // 1) - 1)]
