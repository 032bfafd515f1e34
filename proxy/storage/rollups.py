"""What records add up to by day: collected of one batch, added to the tables in the batch's own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from operator import add
from typing import Final, TypeAlias, TypeVar

from proxy.accounting.record import Record
from proxy.storage.bulk import Insert, run
from proxy.types import Cost, Outcome, Usage

K = TypeVar("K")
DAY_S: Final = 86_400
FIGURES: Final = (
    "requests", "failures", "unpriced", "estimated", "duration_ms", "input_tokens", "output_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "spend", "spend_input", "spend_cached", "spend_cache_write",
    "spend_output", "spend_other", "saved",
)  # fmt: skip
"""Of `days`, in the order of its columns."""
FEWER: Final = ("requests", "failures", "input_tokens", "output_tokens", "spend")
"""Of customers and tags."""
NAME_CHARS: Final = 256
"""Of a customer or a tag."""
_OK: Final = Outcome.OK
_GONE: Final = Outcome.CLIENT_GONE
_NO_USAGE: Final = Usage()
_NO_COST: Final = Cost(0)

Key: TypeAlias = tuple[int, int, int]
"""Day, caller, model."""
NamedKey: TypeAlias = tuple[int, int, str]
"""Day, caller, customer or tag."""


class Sums:
    """Of one batch."""

    def __init__(self) -> None:
        self._days: dict[Key, list[int]] = {}
        self._customers: dict[NamedKey, list[int]] = {}
        self._tags: dict[NamedKey, list[int]] = {}

    def add(self, record: Record, ended_ms: int, caller: int, model: int) -> None:
        key = (ended_ms // (DAY_S * 1000), caller, model)
        usage, cost = record.usage or _NO_USAGE, record.cost or _NO_COST
        good = record.outcome is _OK or record.outcome is _GONE
        read, written = usage.input_tokens or 0, usage.output_tokens or 0
        figures = (
            1,
            0 if good else 1,
            1 if record.cost is None and record.usage is not None else 0,
            1 if record.estimated else 0,
            int(record.duration_s * 1000),
            read,
            written,
            usage.cached_tokens or 0,
            usage.cache_write_tokens or 0,
            usage.reasoning_tokens or 0,
            cost.total,
            cost.input,
            cost.cached,
            cost.cache_write,
            cost.output,
            cost.other,
            cost.saved,
        )
        _add(self._days, key, figures)
        if record.customer is not None or record.tags:
            fewer = (1, 0 if good else 1, read, written, cost.total)
            if record.customer is not None:
                _add(self._customers, (key[0], caller, record.customer[:NAME_CHARS]), fewer)
            for tag in frozenset(record.tags):
                _add(self._tags, (key[0], caller, tag[:NAME_CHARS]), fewer)

    def write(self, connection: sqlite3.Connection) -> None:
        run(connection, _DAYS, _rows(self._days.items()))
        run(connection, _CUSTOMERS, _rows(self._customers.items()))
        run(connection, _TAGS, _rows(self._tags.items()))


def _add(sums: dict[K, list[int]], key: K, figures: tuple[int, ...]) -> None:
    found = sums.get(key)
    if found is None:
        sums[key] = [*figures]
    else:
        sums[key] = [*map(add, found, figures)]


def _rows(sums: Iterable[tuple[tuple[object, ...], list[int]]]) -> list[tuple[object, ...]]:
    return [(*key, *figures) for key, figures in sums]


def _adding(table: str, keys: tuple[str, ...], figures: tuple[str, ...]) -> Insert:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in figures)
    return Insert(table, keys + figures, f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}")


_DAYS: Final = _adding("days", ("day", "caller", "model"), FIGURES)
_CUSTOMERS: Final = _adding("customer_days", ("day", "caller", "customer"), FEWER)
_TAGS: Final = _adding("tag_days", ("day", "caller", "tag"), FEWER)
