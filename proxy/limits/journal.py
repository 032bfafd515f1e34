"""Writes of which all are done or none, whoever is killed meanwhile.

What is to be written is noted first, then the note's length, and then it is written: who finds a length takes the note
and writes it all again. One that died before the length was there had changed nothing. A processor's writes of 8
bytes to their own boundary are never seen in part, and in the order in which they were made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from proxy.limits.layout import CELL, HEAD, HEADER_BYTES, JOURNAL_BYTES, MOST_RULES, SHARE, WRITING

_PLACE: Final = struct.Struct("QQ")
"""Where something is to be written, and how many bytes it has."""
_ROW: Final = struct.Struct("QQ12qQQ4q")
"""A note of a head, and of one worker's share in that row."""
_pack_row: Final = _ROW.pack_into
_pack_head: Final = HEAD.pack_into
_pack_share: Final = SHARE.pack_into
HEAD_BYTES: Final = HEAD.size
SHARE_BYTES: Final = SHARE.size


Row: TypeAlias = tuple[int, tuple[int, ...], int, tuple[int, ...]]
"""Where a head is to be written, its numbers, where one worker's share in it is, and its numbers."""


class Journal:
    """Every call under the lock of the memory."""

    def __init__(self, memory: memoryview) -> None:
        """`memory`: of bytes."""
        self._memory = memory
        self._cells = memory.cast("q")

    def mend(self) -> None:
        """HOT. What one that died had begun is finished. First of all, whenever the lock was got."""
        if self._cells[WRITING]:
            self._finish()

    def write(self, writes: Sequence[tuple[int, bytes]]) -> None:
        """HOT. (Offset, bytes) each."""
        memory = self._memory
        note = b"".join([_PLACE.pack(at, len(data)) + data for at, data in writes])
        end = HEADER_BYTES + len(note)
        if len(note) > JOURNAL_BYTES:
            raise ValueError("too much for the journal")
        memory[HEADER_BYTES:end] = note
        self._cells[WRITING] = len(note)
        for at, data in writes:
            end = at + len(data)
            memory[at:end] = data
        self._cells[WRITING] = 0

    def write_rows(self, rows: Sequence[Row]) -> None:
        """HOT. Of at most MOST_RULES rows."""
        memory, cells = self._memory, self._cells
        end = HEADER_BYTES
        for at, head, share_at, share in rows:
            _pack_row(memory, end, at, HEAD_BYTES, *head, share_at, SHARE_BYTES, *share)
            end += _ROW_BYTES
        cells[WRITING] = end - HEADER_BYTES
        for at, head, share_at, share in rows:
            _pack_head(memory, at, *head)
            _pack_share(memory, share_at, *share)
        cells[WRITING] = 0

    def _finish(self) -> None:
        end = HEADER_BYTES + self._cells[WRITING]
        for at, data in _noted(bytes(self._memory[HEADER_BYTES:end])):
            self._memory[at : at + len(data)] = data
        self._cells[WRITING] = 0


def _noted(note: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(note):
        place, size = _PLACE.unpack_from(note, at)
        at += _PLACE.size + size
        yield place, note[at - size : at]


_ROW_BYTES: Final = _ROW.size
assert JOURNAL_BYTES % CELL == 0
assert MOST_RULES * _ROW_BYTES <= JOURNAL_BYTES
