"""Chance that can be had again: the same seed, the same picks. Good enough to spread load, not for secrets."""

from __future__ import annotations

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
"""Odd and far from any pattern: neighbouring seeds begin far apart."""


class Dice:
    """xorshift64: Marsaglia, "Xorshift RNGs", 2003."""

    __slots__ = ("_state",)

    def __init__(self, seed: int = 0) -> None:
        self._state = ((seed + 1) * _GOLDEN) & _MASK or _GOLDEN

    def below(self, limit: int) -> int:
        """0 <= number < limit, for limits far below 2**32."""
        state = self._state
        state ^= (state << 13) & _MASK
        state ^= state >> 7
        state ^= (state << 17) & _MASK
        self._state = state
        return (state >> 32) * limit >> 32
