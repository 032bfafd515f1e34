from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOM = """
import sys
from pathlib import Path
from proxy.process.descriptors import make_room_for_descriptors

def room():
    if not Path("/proc/self/status").exists():
        return -1
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("FDSize:"))

before = room()
make_room_for_descriptors(int(sys.argv[1]))
print(before, room())
"""
LIMIT = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] % (1 << 63), 1 << 17)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells nothing of it")
@pytest.mark.parametrize("wanted", [LIMIT // 2, LIMIT, 100 * LIMIT], ids=["some", "all", "more than allowed"])
def test_the_table_of_descriptors_has_grown_before_they_come(wanted: int) -> None:
    """In a process of its own: a table never gets smaller."""
    command = (sys.executable, "-c", ROOM, str(wanted))
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, after = map(int, said.split())
    assert before < after
    assert after >= min(wanted, LIMIT)
