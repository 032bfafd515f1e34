"""Freed memory stays with the worker, up to a bound, instead of going back to the kernel page by page.

glibc returns what lies free at the end of its heap as soon as that is some hundred kilobytes, and gets pages anew for
the next large body: a request with 1 MB of it spends a quarter of its time on page faults. mallopt(3)
"""

from __future__ import annotations

import ctypes

KEPT_BYTES = 16 * 1024 * 1024
"""Free memory at the heap's end that is kept, and the size from which a block is the kernel's own affair: some
bodies at once, and little beside what a worker needs anyway."""
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """False where the C library is not glibc: nothing is changed then."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, KEPT_BYTES) == 1 for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
