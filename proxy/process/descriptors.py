"""Room for descriptors is made before connections come.

A process's table of open files doubles when it is full. Where threads share it the kernel waits until none reads the
old one any more (`expand_files`, `synchronize_rcu`), for some 5 to 15 ms each time, in whatever accept(2) or socket(2)
came first: the loop, and all its streams, wait along. A table never gets smaller again.
"""

from __future__ import annotations

import fcntl
import os
import resource

MOST = 1 << 17
"""Entries of a table: a megabyte, in the kernel."""


def make_room_for_descriptors(count: int) -> None:
    """So many may be open before the table grows, as far as `ulimit -n` lets them; one of a fork begins small again."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY:
        count = min(count, allowed)
    some = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.close(fcntl.fcntl(some, fcntl.F_DUPFD_CLOEXEC, min(count, MOST) - 1))
    except OSError:  # all are taken: there is room already
        return
    finally:
        os.close(some)
