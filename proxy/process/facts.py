"""What workers of one machine learn of upstreams, in memory that they share: a ring for each worker, which it alone
writes, and all others read.

No lock: a message is numbered and has a checksum, so one that is just being written, or was overwritten, is passed
over. A worker that dies leaves its ring to the one that takes its place, which reads there, and in all others, what
still holds.
"""

from __future__ import annotations

import mmap
import struct
import zlib

from proxy.routing.facts import MESSAGE_BYTES

SLOTS = 512
"""Of a ring. Read every 20 ms, so a worker may learn 25,000 facts a second before others miss any."""
_COUNT = struct.Struct("=Q")
"""How many messages were ever written to the ring."""
_HEAD = struct.Struct("=QI")
"""A message's number, from 1, and checksum."""
_SLOT_BYTES = _HEAD.size + MESSAGE_BYTES
_RING_BYTES = _COUNT.size + SLOTS * _SLOT_BYTES


class SharedFacts:
    """Made before the workers are forked: some 160 KB for each. Anonymous: for these processes only."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _RING_BYTES)
        self._workers = workers

    def of(self, worker: int) -> Ring:
        """`worker`: its number, from 1."""
        return Ring(self._memory, worker - 1, self._workers)


class Ring:
    """One worker's side: a `routing.facts.FactBoard`."""

    def __init__(self, memory: mmap.mmap, own: int, rings: int) -> None:
        self._memory = memory
        self._own = own * _RING_BYTES
        self._written = self._count(self._own)
        self._read = {at * _RING_BYTES: 0 for at in range(rings)}
        self._inherited = self._written
        """Told by those before it in its place."""

    def tell(self, message: bytes) -> None:
        number = self._written + 1
        at = self._slot(self._own, number)
        body = _COUNT.pack(number) + message
        self._memory[at : at + _SLOT_BYTES] = _HEAD.pack(number, zlib.crc32(body)) + message
        _COUNT.pack_into(self._memory, self._own, number)
        self._written = number

    def news(self) -> list[bytes]:
        found: list[bytes] = []
        for ring, read in self._read.items():
            count = self._inherited if ring == self._own else self._count(ring)
            if count != read:
                self._read[ring] = count
                numbers = range(max(read, count - SLOTS) + 1, count + 1)
                messages = (self._message(ring, number) for number in numbers)
                found += [message for message in messages if message is not None]
        return found

    def _message(self, ring: int, number: int) -> bytes | None:
        at = self._slot(ring, number)
        slot = self._memory[at : at + _SLOT_BYTES]
        found, checksum = _HEAD.unpack_from(slot)
        message = slot[_HEAD.size :]
        whole = found == number and zlib.crc32(_COUNT.pack(number) + message) == checksum
        return message if whole else None

    def _count(self, ring: int) -> int:
        count: int = _COUNT.unpack_from(self._memory, ring)[0]
        return count

    def _slot(self, ring: int, number: int) -> int:
        return ring + _COUNT.size + (number - 1) % SLOTS * _SLOT_BYTES
