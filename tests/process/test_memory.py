from __future__ import annotations

import subprocess
import sys

from proxy.process import memory

LARGE = memory.KEPT_BYTES // 8
FAULTS = f"""
import resource
from proxy.process.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytes({LARGE})[-1]
        bytearray(b"x" * {LARGE})
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
kept = keep_freed_memory()
faults()
print(kept, before, faults())
"""


def test_large_blocks_are_used_again_without_page_faults() -> None:
    """In a process of its own: the setting holds to its end."""
    said = subprocess.run((sys.executable, "-c", FAULTS), capture_output=True, text=True, check=True).stdout
    kept, before, after = said.split()
    if kept == "True":  # glibc
        assert int(before) > 10 * LARGE // 4096
        assert int(after) < LARGE // 4096
