"""How long one of a worker's threads keeps the interpreter while the loop waits for it.

The loop gives it away whenever it waits for events. A thread that computes (a page of metrics, a report, a reload)
takes it then, and keeps it for Python's 5 ms, however soon the next event comes.
"""

from __future__ import annotations

import sys

SWITCH_S = 0.0005
"""Ten times sooner; to change over takes some 10 us."""


def take_short_turns() -> None:
    sys.setswitchinterval(SWITCH_S)
