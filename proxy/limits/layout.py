"""Where each number lies in the memory of a ledger. All are 8 bytes, of the machine's own order.

    header | journal | digests, one per row | heads, one per row | shares, one per worker and row | rings, two per row

Rows that have no limit per minute never touch their rings, so that these take no memory.
"""

from __future__ import annotations

import struct
from typing import Final

CELL: Final = 8
BORN: Final = 0
"""Cell of the header: how many rows were ever given out."""
HAND: Final = 1
"""Cell of the header: where the next idle row is looked for."""
WRITING: Final = 2
"""Cell of the header: the journal's length while what is in it is being written; else 0."""
HEADER_BYTES: Final = 64
JOURNAL_BYTES: Final = 65_536
"""A request's subjects (`MOST_RULES`), or one row and its share of every worker: 48 bytes each."""
MOST_WORKERS: Final = 1024
MOST_RULES: Final = 64
"""Subjects of one request: a key, its user, team and customer, those with the model, and tags."""
DIGEST_BYTES: Final = 16
HEAD: Final = struct.Struct("12q")
"""born, newest slot, requests, tokens, running, their tokens, their nano-dollars, written, settled, start, kind, used.

`requests` and `tokens` (of those that have ended) are running totals. `written`: nano-dollars in the state file since
`start`; `settled`: those that are on their way there. `used`: the slot in which it was last asked for."""
SHARE: Final = struct.Struct("4q")
"""Of one worker in a row: running, their tokens, their nano-dollars, settled."""
SLOTS: Final = 256
"""Of a ring: the totals when each slot of the last minute began."""
RING_BYTES: Final = 2 * SLOTS * CELL
PAGE_BYTES: Final = 4096


class Layout:
    """Offsets in bytes."""

    def __init__(self, rows: int, workers: int) -> None:
        if not (0 < workers <= MOST_WORKERS and rows > 0):
            raise ValueError(f"a ledger has rows, and 1 to {MOST_WORKERS} workers")
        self.rows: Final = rows
        self.workers: Final = workers
        self.digests: Final = HEADER_BYTES + JOURNAL_BYTES
        self.heads: Final = self.digests + rows * DIGEST_BYTES
        self.shares: Final = self.heads + rows * HEAD.size
        end = self.shares + workers * rows * SHARE.size
        self.rings: Final = -(-end // PAGE_BYTES) * PAGE_BYTES
        self.size: Final = self.rings + rows * RING_BYTES

    def head(self, row: int) -> int:
        return self.heads + row * HEAD.size

    def share(self, worker: int, row: int) -> int:
        """`worker`: from 1."""
        return self.shares + ((worker - 1) * self.rows + row) * SHARE.size

    def ring(self, row: int) -> int:
        """The first cell of its requests; those of its tokens follow."""
        return (self.rings + row * RING_BYTES) // CELL
