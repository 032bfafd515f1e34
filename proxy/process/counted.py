"""Which objects' usage any worker of this machine has counted, in memory that they share: an `accounting.Counted`.

A table of digests, newest first in each bucket. No lock: two workers that hear of one object within the same
microsecond may both count it, or of two that fall into one bucket forget one.
"""

from __future__ import annotations

import hashlib
import mmap

DIGEST_BYTES = 16
BUCKET_IDS = 8
BUCKETS = 16_384
"""131,072 objects in 2 MiB: more than a machine's workers have under way; a full bucket forgets its oldest."""
_BUCKET_BYTES = DIGEST_BYTES * BUCKET_IDS


class SharedCounted:
    """Made before the workers are forked. Anonymous: for these processes only."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, BUCKETS * _BUCKET_BYTES)

    def first(self, object_id: str) -> bool:
        digest = hashlib.blake2b(object_id.encode(), digest_size=DIGEST_BYTES).digest()
        start = int.from_bytes(digest[:4], "big") % BUCKETS * _BUCKET_BYTES
        bucket = self._memory[start : start + _BUCKET_BYTES]
        if any(bucket[at : at + DIGEST_BYTES] == digest for at in range(0, _BUCKET_BYTES, DIGEST_BYTES)):
            return False
        self._memory[start : start + _BUCKET_BYTES] = digest + bucket[:-DIGEST_BYTES]
        return True
