"""What records add up to by day: collected of one batch, added to the tables in the batch's own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from operator import add, attrgetter
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
_GOOD: Final = frozenset((Outcome.OK, Outcome.CLIENT_GONE))
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

    def add(self, day: int, caller: int, model: int, records: Sequence[Record]) -> None:
        """`records`: that ended on that day, of that caller and model."""
        usages = [record.usage or _NO_USAGE for record in records]
        costs = [record.cost or _NO_COST for record in records]
        _add(self._days, (day, caller, model), _figures(records, usages, costs))
        for record in records:
            if record.customer is not None or record.tags:
                self._add_named(day, caller, record)

    def _add_named(self, day: int, caller: int, record: Record) -> None:
        usage, cost = record.usage or _NO_USAGE, record.cost or _NO_COST
        read, written = usage.input_tokens or 0, usage.output_tokens or 0
        fewer = (1, int(record.outcome not in _GOOD), read, written, cost.total)
        if record.customer is not None:
            _add(self._customers, (day, caller, record.customer[:NAME_CHARS]), fewer)
        for tag in frozenset(record.tags):
            _add(self._tags, (day, caller, tag[:NAME_CHARS]), fewer)

    def write(self, connection: sqlite3.Connection) -> None:
        run(connection, _DAYS, _rows(self._days.items()))
        run(connection, _CUSTOMERS, _rows(self._customers.items()))
        run(connection, _TAGS, _rows(self._tags.items()))


def _figures(records: Sequence[Record], usages: Sequence[Usage], costs: Sequence[Cost]) -> tuple[int, ...]:
    """As `FIGURES`: by column, which runs no bytecode for each record."""
    return (
        len(records),
        len(records) - sum(map(_GOOD.__contains__, map(_outcome, records))),
        sum(record.cost is None and record.usage is not None for record in records),
        sum(map(_estimated, records)),
        int(sum(map(_duration_s, records)) * 1000),
        *(sum(filter(None, map(tokens, usages))) for tokens in _TOKENS),
        *(sum(map(nanos, costs)) for nanos in _NANOS),
    )


_estimated, _duration_s, _outcome = map(attrgetter, ("estimated", "duration_s", "outcome"))
_TOKENS: Final = tuple(map(attrgetter, FIGURES[5:10]))
_NANOS: Final = tuple(
    map(attrgetter, ("total", "input", "cached", "cache_write", "output", "other", "saved"))
)
"""Of a `Usage`, and of a `Cost`."""


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
