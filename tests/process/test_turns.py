from __future__ import annotations

import subprocess
import sys

CALLS = """
import threading
import time
from proxy.process.turns import take_short_turns

stop = []

def compute():
    while not stop:
        sum(range(100))

def took_s():
    began = time.monotonic()
    for _ in range(40):
        time.sleep(0)  # the interpreter is let go of, and taken again
    return time.monotonic() - began

other = threading.Thread(target=compute)
other.start()
before_s = took_s()
take_short_turns()
after_s = took_s()
stop.append(True)
other.join()
print(before_s, after_s)
"""


def test_system_calls_beside_a_thread_that_computes_wait_for_less() -> None:
    """In a process of its own: the setting is the whole process's."""
    said = subprocess.run((sys.executable, "-c", CALLS), capture_output=True, text=True, check=True).stdout
    before_s, after_s = map(float, said.split())
    assert after_s < before_s / 2
