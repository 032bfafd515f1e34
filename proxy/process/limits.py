"""The memory of limits and spend that all workers of a machine share, and its lock: made before they are forked.

The lock is the kernel's, on a file that has no name: it frees what a process held that has died, however it did. It
knows processes only, so each process has a lock for its threads beside it. A process that is stopped (SIGSTOP) while
it holds the lock stops the others' requests as well; it holds it for some microseconds.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading

from proxy.limits.layout import Layout
from proxy.limits.ledger import Ledger

_FIRST_BYTE = 1


class SharedLimits:
    """Anonymous: for these processes only. What nobody has used takes no memory."""

    def __init__(self, subjects: int, workers: int = 1) -> None:
        self.layout = Layout(subjects, workers)
        self._file = os.memfd_create("sluice-limits", os.MFD_CLOEXEC)
        os.ftruncate(self._file, self.layout.size)
        self._memory = memoryview(mmap.mmap(self._file, self.layout.size))
        self._lock = FileLock(self._file)
        os.register_at_fork(after_in_child=self._lock.renew)

    def of(self, worker: int) -> Ledger:
        """`worker`: its number, from 1."""
        return Ledger(self._memory, self._lock, self.layout, worker)


def lone_ledger(subjects: int) -> Ledger:
    """Of a process that shares it with nobody."""
    layout = Layout(subjects, 1)
    return Ledger(memoryview(mmap.mmap(-1, layout.size)), threading.Lock(), layout)


class FileLock:
    """Excludes other processes and this one's other threads. Not reentrant."""

    def __init__(self, file: int) -> None:
        """`file`: never closed while the lock is in use, nor any other descriptor of the same (fcntl(2))."""
        self._file = file
        self.renew()

    def renew(self) -> None:
        """In a child: what a thread of its parent held is nobody's here."""
        threads = self._threads = threading.Lock()
        self._take_thread, self._leave_thread = threads.acquire, threads.release

    def acquire(self) -> None:
        self._take_thread()
        fcntl.lockf(self._file, fcntl.LOCK_EX, _FIRST_BYTE)

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, _FIRST_BYTE)
        self._leave_thread()
