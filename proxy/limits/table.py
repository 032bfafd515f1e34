"""Which row is whose: found by its digest, given out, and given to another when its holder is idle.

Every call under the lock of the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Container
from typing import Final

from proxy.limits.journal import Journal
from proxy.limits.layout import BORN, CELL, DIGEST_BYTES, HAND, HEAD, SHARE, Layout
from proxy.limits.minute import KEPT, clear

NOBODY: Final = bytes(DIGEST_BYTES)
_BORN, _RUNNING, _SETTLED, _USED = 0, 4, 8, 11
"""Cells of a head."""


class Table:
    """Of one process."""

    def __init__(self, memory: memoryview, layout: Layout, journal: Journal) -> None:
        self._memory = memory
        self._cells = memory.cast("q")
        self._layout = layout
        self._journal = journal
        self._known: dict[bytes, tuple[int, int, int]] = {}
        """Digest -> row, the birth that makes it this one's, and the cell of that."""

    def find(self, digest: bytes) -> int:
        """HOT. Its row; -1: it has none."""
        known = self._known.get(digest)
        if known is not None and self._cells[known[2]] == known[1]:
            return known[0]
        return self._search(digest)

    def _search(self, digest: bytes) -> int:
        row = self._row_of(digest)
        if row < 0:
            self._known.pop(digest, None)
        else:
            self._remember(digest, row)
        return row

    def _remember(self, digest: bytes, row: int) -> None:
        if len(self._known) >= 2 * self._layout.rows:  # of rows that are others' by now
            self._known.clear()
        cell = self._layout.head(row) // CELL
        self._known[digest] = (row, self._cells[cell], cell)

    def _row_of(self, digest: bytes) -> int:
        layout = self._layout
        digests = bytes(self._memory[layout.digests : layout.heads])
        at = digests.find(digest)
        while at >= 0 and at % DIGEST_BYTES:
            at = digests.find(digest, at + 1)
        return at // DIGEST_BYTES if at >= 0 else -1

    def give(self, digest: bytes, slot: int, keep: Container[int] = ()) -> int:
        """A row of its own, with nothing in it but when it was last used; -1: all are busy. `keep`: rows that nobody
        else may be given."""
        row = self._row_of(NOBODY)
        if row < 0:
            row = self._idle(slot, keep)
        if row < 0:
            return row
        layout, cells = self._layout, self._cells
        born = cells[BORN] + 1
        clear_ring = cells[layout.head(row) // CELL + 1] != 0
        if clear_ring:
            clear(cells, layout.ring(row))
        head = HEAD.pack(born, slot, *(0,) * 9, slot)
        at = layout.digests + row * DIGEST_BYTES
        shares = [(layout.share(worker, row), bytes(SHARE.size)) for worker in range(1, layout.workers + 1)]
        self._journal.write(
            [
                (BORN * CELL, born.to_bytes(CELL, sys.byteorder)),
                (at, digest),
                (layout.head(row), head),
                *shares,
            ]
        )
        self._remember(digest, row)
        return row

    def _idle(self, slot: int, keep: Container[int]) -> int:
        """A row whose holder may lose it."""
        rows, hand = self._layout.rows, self._cells[HAND]
        for step in range(rows):
            row = (hand + step) % rows
            if row not in keep and self._is_idle(row, slot):
                self._cells[HAND] = row + 1
                return row
        return -1

    def _is_idle(self, row: int, slot: int) -> bool:
        """Nobody's request runs, all that it spent is in the state file, and its last minute is over."""
        cells, head = self._cells, self._layout.head(row) // CELL
        busy = cells[head + _RUNNING] or cells[head + _SETTLED]
        return not busy and cells[head + _USED] < slot - KEPT

    def rows(self) -> list[tuple[bytes, int]]:
        """Everybody's. Rows are given from the first on: behind the last that is held nothing is looked at."""
        layout = self._layout
        digests = bytes(self._memory[layout.digests : layout.heads])
        found = (
            (digests[at : at + DIGEST_BYTES], at // DIGEST_BYTES)
            for at in range(0, len(digests.rstrip(b"\0")), DIGEST_BYTES)
        )
        return [(digest, row) for digest, row in found if digest != NOBODY]
