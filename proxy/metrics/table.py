"""One worker's numbers: for each metric and its labels a series, in one array that is published as it is."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from proxy.metrics.families import FAMILIES, OVERFLOW, Family

DEFAULT_SERIES_LIMIT = 5_000
"""Of a worker: with their names 2 MiB of text at most, which a scrape can carry every few seconds."""
VALUE_CHARS = 120
"""Of a label's value: longer ones are cut."""
OTHER = "other"
"""In place of every label of series that there was no room for: sums stay right."""

Labels = tuple[str, ...]


class Sheet(msgspec.Struct, frozen=True):
    """What one worker's numbers were at a moment."""

    at: float
    """`time.monotonic()`, which is one clock for all processes of a machine."""
    series: bytes
    """JSON: [[number of its metric, [label, ...]], ...]"""
    values: bytes
    """Theirs, one after the other, as C doubles."""


_encode_series = msgspec.json.Encoder().encode
decode_series = msgspec.json.Decoder(list[tuple[int, Labels]]).decode
_encode = msgspec.msgpack.Encoder().encode
decode_sheet = msgspec.msgpack.Decoder(Sheet).decode


class Board(Protocol):
    """Where each worker's numbers stand for all to read, and stay when it dies."""

    def publish(self, sheet: bytes) -> bool:
        """This worker's. False: there is no room for it."""

    def sheets(self) -> list[bytes]:
        """Those of all, and of those that died."""

    def inherited(self) -> bytes:
        """What stands in this worker's place: the last of the one before it, or nothing."""


class OwnBoard:
    """Of a worker that is the only one."""

    def __init__(self) -> None:
        self._sheet = b""

    def publish(self, sheet: bytes) -> bool:
        self._sheet = sheet
        return True

    def sheets(self) -> list[bytes]:
        return [self._sheet]

    def inherited(self) -> bytes:
        return self._sheet


Source = Callable[["Table"], Iterable[None] | None]
"""Says what it knows, each time it is asked: at once, or step by step, so that others have their turn between."""


def _label(value: str) -> str:
    """As it can be written: half a pair of surrogates has no UTF-8 form."""
    value = value[:VALUE_CHARS]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


class Table:
    """Mutable. `values` may be counted up directly: whoever counts often keeps its `row`."""

    def __init__(self, limit: int = DEFAULT_SERIES_LIMIT) -> None:
        self.values = array("d")
        self._limit = limit
        self._rows: dict[tuple[int, Labels], int] = {}
        self._series: list[tuple[int, Labels]] = []
        self._written: bytes | None = None
        """The series, encoded: the same until there is a new one."""
        self._levels: list[int] = []
        self._seen: dict[int, float] = {}
        """What others' counts were when they were looked at last."""
        self.sources: list[Source] = []
        self._overflows = self.row(OVERFLOW)

    @property
    def size(self) -> int:
        """How many series there are."""
        return len(self._series)

    def row(self, family: Family, labels: Labels = ()) -> int:
        """Where in `values` its numbers begin; where there is no room for it, where those of `other` do."""
        found = self._rows.get((family.number, labels))
        if found is not None:
            return found
        labels = tuple(map(_label, labels))
        if labels and len(self._series) >= self._limit:
            self.values[self._overflows] += 1
            labels = (OTHER,) * len(labels)
        found = self._rows.get((family.number, labels))
        return self._add(family, labels) if found is None else found

    def _add(self, family: Family, labels: Labels) -> int:
        assert len(labels) == len(family.labels), family.name
        row = self._rows[family.number, labels] = len(self.values)
        self._series.append((family.number, labels))
        self.values.extend([math.nan if family.is_level else 0.0] * family.width)
        if family.is_level:
            self._levels.append(row)
        self._written = None
        return row

    def set(self, level: Family, value: float, labels: Labels = ()) -> None:
        """What it is now; a level that no source sets any more is not shown."""
        self.values[self.row(level, labels)] = value

    def follow(self, counter: Family, count: float, labels: Labels = ()) -> None:
        """Count what another has counted since it was asked last. One that fell to less than half has begun anew."""
        row = self.row(counter, labels)
        before = self._seen.get(row, 0.0)
        if count < before / 2:
            before = 0.0
        if count >= before:
            self._seen[row] = count
            self.values[row] += count - before

    def observe(self, histogram: Family, value: float, labels: Labels = ()) -> None:
        row, bounds = self.row(histogram, labels), histogram.buckets
        self.values[row + bisect_left(bounds, value)] += 1
        self.values[row + len(bounds) + 1] += value

    def ask(self) -> Iterator[None]:
        """Everybody for what they know, step by step; publish it when all have been asked. A level that nobody sets any
        more is none."""
        for row in self._levels:
            self.values[row] = math.nan
        for source in self.sources:
            yield from source(self) or ()
            yield

    def publish(self, board: Board, now: float) -> bool:
        """False: the board has no room for it."""
        if self._written is None:
            self._written = _encode_series(self._series)
        return board.publish(_encode(Sheet(now, self._written, self.values.tobytes())))

    def inherit(self, sheet: bytes) -> None:
        """Go on counting where the worker before this one ended."""
        if not sheet:
            return
        found = decode_sheet(sheet)
        values = array("d", found.values)
        at = 0
        for number, labels in decode_series(found.series):
            family = FAMILIES[number]
            if not family.is_level:
                row = self.row(family, labels)
                self.values[row : row + family.width] = values[at : at + family.width]
            at += family.width
