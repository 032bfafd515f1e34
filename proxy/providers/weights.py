"""Shares of a group's requests, as LiteLLM's simple-shuffle reads them.

https://docs.litellm.ai/docs/routing (weighted pick): the first of `weight`, `rpm`, `tpm` that any candidate sets
counts for all of them, and a candidate without it gets nothing; where none is set, all are equal.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from proxy.config.models import LitellmParams, ModelEntry

_Amount: TypeAlias = int | float | None


def weights(entries: Sequence[ModelEntry]) -> tuple[int, ...]:
    """One whole number per entry, in the order of `entries`; comparable within a group and tier."""
    tiers: dict[tuple[str, int], list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        tiers[entry.model_name, entry.litellm_params.order or 0].append(index)
    found = [1] * len(entries)
    for members in tiers.values():
        shares = _shares([entries[index].litellm_params for index in members])
        for index, share in zip(members, shares, strict=True):
            found[index] = share
    return tuple(found)


def _shares(params: Sequence[LitellmParams]) -> list[int]:
    columns: tuple[list[_Amount], ...] = (
        [one.weight for one in params],
        [one.rpm for one in params],
        [one.tpm for one in params],
    )
    for column in columns:
        if any(amount is not None for amount in column):
            return _whole(column)
    return [1] * len(params)


def _whole(amounts: Sequence[_Amount]) -> list[int]:
    """In the same proportions, as written: 0.7 and 0.3 are 7 and 3."""
    exact = [Fraction(str(amount or 0)) for amount in amounts]
    scale = math.lcm(*(share.denominator for share in exact))
    whole = [int(share * scale) for share in exact]
    common = math.gcd(*whole) or 1
    return [share // common for share in whole]
