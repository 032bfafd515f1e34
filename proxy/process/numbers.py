"""What each worker has counted, in memory that all share and that outlives it: a `metrics.Board`.

Two halves for each worker, written in turns: one that dies while it writes leaves the other half whole.
"""

from __future__ import annotations

import mmap
import struct
import zlib

HALF_BYTES = 16 * 1024 * 1024
"""What 20,000 series take, whose five labels are as long as they may be. Memory that was never written takes none."""
_HEAD = struct.Struct("=QII")
"""How often this place was written, length, checksum."""


class SharedNumbers:
    """Made before the workers are forked. Anonymous: for these processes only."""

    def __init__(self, workers: int, half_bytes: int = HALF_BYTES) -> None:
        self._memory = mmap.mmap(-1, workers * 2 * half_bytes)
        self._workers = workers
        self._half_bytes = half_bytes

    def of(self, worker: int) -> Place:
        """`worker`: its number, from 1."""
        return Place(self._memory, worker - 1, self._workers, self._half_bytes)


class Place:
    """One worker's side."""

    def __init__(self, memory: mmap.mmap, own: int, places: int, half_bytes: int) -> None:
        self._memory = memory
        self._own = own
        self._places = places
        self._half_bytes = half_bytes

    def publish(self, sheet: bytes) -> bool:
        if _HEAD.size + len(sheet) > self._half_bytes:
            return False
        number = self._newest(self._own)[0] + 1
        at = self._half(self._own, number)
        self._memory[at + _HEAD.size : at + _HEAD.size + len(sheet)] = sheet
        _HEAD.pack_into(self._memory, at, number, len(sheet), _checksum(number, sheet))
        return True

    def sheets(self) -> list[bytes]:
        return [self._newest(place)[1] for place in range(self._places)]

    def inherited(self) -> bytes:
        return self._newest(self._own)[1]

    def _newest(self, place: int) -> tuple[int, bytes]:
        """Its number and itself; 0 and nothing where nothing was written yet."""
        return max(self._read(self._half(place, 0)), self._read(self._half(place, 1)))

    def _half(self, place: int, number: int) -> int:
        return (2 * place + number % 2) * self._half_bytes

    def _read(self, at: int) -> tuple[int, bytes]:
        number, length, checksum = _HEAD.unpack_from(self._memory, at)
        sheet = self._memory[at + _HEAD.size : at + _HEAD.size + length]
        return (number, sheet) if number and _checksum(number, sheet) == checksum else (0, b"")


def _checksum(number: int, sheet: bytes) -> int:
    return zlib.crc32(sheet, number & 0xFFFFFFFF)
