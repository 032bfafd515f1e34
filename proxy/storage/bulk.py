"""Many rows by few statements: each is one long step of SQLite's, for which Python's lock is let go."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

import msgspec

STEPS: Final = (64, 8, 1)
"""Rows per statement. 64 are bound in about 0.1 ms, for which the other threads wait."""


class Insert(msgspec.Struct, frozen=True):
    """`INSERT INTO table (columns) VALUES ... rest`."""

    table: str
    columns: tuple[str, ...]
    rest: str = ""


def run(connection: sqlite3.Connection, insert: Insert, rows: Sequence[Sequence[object]]) -> None:
    at, count = 0, len(rows)
    for step in STEPS:
        statement = _statement(insert, step)
        while count - at >= step:
            connection.execute(statement, tuple(chain.from_iterable(rows[at : at + step])))
            at += step


@lru_cache(maxsize=64)
def _statement(insert: Insert, rows: int) -> str:
    row = f"({', '.join('?' * len(insert.columns))})"
    return f"INSERT INTO {insert.table} ({', '.join(insert.columns)}) VALUES {', '.join([row] * rows)} {insert.rest}"
