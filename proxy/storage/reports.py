"""What was spent, by whatever it is asked: from the sums by day, which are few however many records there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final, Literal, TypeAlias

import msgspec

from proxy.storage.rollups import FEWER, FIGURES

By: TypeAlias = Literal[
    "day",
    "key",
    "alias",
    "user",
    "team",
    "caller",
    "name",
    "model",
    "provider",
    "deployment",
    "customer",
    "tag",
]
"""`name`: the public name of a model; `model`: the upstream's. `caller`: what the log calls who asked."""
_COLUMNS: Final[Mapping[str, str]] = {
    "day": "sums.day",
    "key": "callers.key",
    "alias": "callers.alias",
    "user": "callers.user",
    "team": "callers.team",
    "caller": "callers.name",
    "name": "models.name",
    "model": "models.model",
    "provider": "models.provider",
    "deployment": "models.deployment",
    "customer": "sums.customer",
    "tag": "sums.tag",
}
KEPT_APART: Final = (
    "customers and tags are added up by day and by who asked: not with models, providers or deployments, nor with"
    " each other"
)
MAIN: Final = (
    "requests", "failures", "unpriced", "estimated", "input_tokens", "output_tokens", "cached_tokens", "spend",
)  # fmt: skip
"""What most reports show."""
MOST_ROWS: Final = 100_000
"""Of one report: beyond that it is no reading matter."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Of what. None: of all."""

    first_day: int = 0
    """UTC days since 1970, the last one included."""
    last_day: int = 1 << 31
    only: Mapping[By, str] = {}
    """Each has this value; empty: none."""


class Figures(msgspec.Struct, frozen=True):
    """Spend in nano-dollars. What is not kept by customer or tag is 0 there."""

    requests: int = 0
    failures: int = 0
    unpriced: int = 0
    """Requests that used something whose price is not known."""
    estimated: int = 0
    """Requests whose usage was not said."""
    duration_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    spend: int = 0
    spend_input: int = 0
    spend_cached: int = 0
    spend_cache_write: int = 0
    spend_output: int = 0
    spend_other: int = 0
    saved: int = 0
    """By providers' caches: no part of `spend`."""


assert Figures.__struct_fields__ == FIGURES


class Total(msgspec.Struct, frozen=True):
    of: tuple[str | int, ...]
    """One value for each that was asked for, in that order; the day is a number."""
    figures: Figures


def totals(
    connection: sqlite3.Connection,
    by: Sequence[By],
    scope: Scope,
    limit: int = MOST_ROWS,
    figures: Sequence[str] = FIGURES,
) -> list[Total]:
    """The dearest first. `figures`: those that are wanted; fewer are quicker, the others are 0.

    Raises ValueError for what is not added up together (`KEPT_APART`).
    """
    table = _table({*by, *scope.only})
    figures = [name for name in table.figures if name in figures]
    statement, values = _question(by, scope, table, figures)
    rows = connection.execute(statement, (*values, min(limit, MOST_ROWS)))
    return [Total(row[: len(by)], Figures(**dict(zip(figures, row[len(by) :], strict=True)))) for row in rows]


class _Table(msgspec.Struct, frozen=True):
    name: str
    keys: frozenset[str]
    """Its own columns that may be asked for; names of callers, and of models, come with theirs."""
    figures: tuple[str, ...]


_DAYS: Final = _Table("days", frozenset({"day", "caller", "model"}), FIGURES)
_CUSTOMERS: Final = _Table("customer_days", frozenset({"day", "caller", "customer"}), FEWER)
_TAGS: Final = _Table("tag_days", frozenset({"day", "caller", "tag"}), FEWER)
_MODELS: Final = frozenset({"name", "model", "provider", "deployment"})


def _table(asked: Set[By]) -> _Table:
    found = [table for one, table in (("customer", _CUSTOMERS), ("tag", _TAGS)) if one in asked]
    if not found:
        return _DAYS
    if len(found) > 1 or asked & _MODELS:
        raise ValueError(KEPT_APART)
    return found[0]


def _question(
    by: Sequence[By], scope: Scope, table: _Table, figures: Sequence[str]
) -> tuple[str, list[str | int]]:
    """Added up by their numbers first, which is quick, and then by their names."""
    joined = {one: any(_COLUMNS[name].startswith(f"{one}s.") for name in by) for one in ("caller", "model")}
    own = [column for column in sorted(table.keys) if joined.get(column, column in by)]
    filters: list[str] = ["day BETWEEN ? AND ?"]
    values: list[str | int] = [scope.first_day, scope.last_day]
    for one, value in scope.only.items():
        filters.append(_filter(one))
        values.append(value)
    added = ", ".join(f"sum({name}) AS {name}" for name in figures)
    columns = [_COLUMNS[one] for one in by]
    joins = "".join(
        f" JOIN {one}s ON {one}s.id = sums.{one}" for one, is_joined in joined.items() if is_joined
    )
    statement = (
        f"WITH sums AS (SELECT {', '.join((*own, added))} FROM {table.name} WHERE {' AND '.join(filters)}"
        f" GROUP BY {', '.join(own) or '1 = 1'})"
        f" SELECT {', '.join((*columns, *(f'sum(sums.{name})' for name in figures)))} FROM sums{joins}"
        f" GROUP BY {', '.join(columns) or '1 = 1'} ORDER BY sum(sums.spend) DESC, sum(sums.requests) DESC LIMIT ?"
    )
    return statement, values


def _filter(one: By) -> str:
    of, _, column = _COLUMNS[one].partition(".")
    if of == "sums":
        return f"{column} = ?"
    return f"{of.removesuffix('s')} IN (SELECT id FROM {of} WHERE {column} = ?)"


def days_kept(connection: sqlite3.Connection) -> Iterator[int]:
    """Days of which there are sums, from the first on."""
    for (day,) in connection.execute("SELECT DISTINCT day FROM days ORDER BY day"):
        yield day
