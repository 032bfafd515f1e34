"""What workers tell their parent: that they accept connections, and that they still live."""

from __future__ import annotations

import contextlib
import os
import struct

_PID = struct.Struct("=i")
_READ_BYTES = 4096


class Reports:
    """A pipe from all workers to their parent; one report is the sender's process id."""

    def __init__(self) -> None:
        self.fd, self._theirs = os.pipe()
        """`fd`: readable when there are reports."""
        os.set_blocking(self.fd, False)
        os.set_blocking(self._theirs, False)

    def send(self) -> None:
        """In a worker. It never waits: a parent that does not read has other troubles than a lost report."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._theirs, _PID.pack(os.getpid()))

    def read(self) -> set[int]:
        """In the parent: the workers that have reported since the last time."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return set()
        return {pid for (pid,) in _PID.iter_unpack(data)}


class Parent:
    """A worker's overseer: the process that forked it."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def ready(self) -> None:
        self._reports.send()

    def alive(self) -> None:
        self._reports.send()

    def stopping(self) -> None:
        """The parent knows: it asked."""
