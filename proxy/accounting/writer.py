"""The one thread that writes the log: a reader that stalls holds up this thread and never the event loop."""

from __future__ import annotations

import os
import select
import stat
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Sink: TypeAlias = Callable[[bytes], object]
"""Writes whole lines and returns when they are written. May block; may raise OSError."""


class Writer:
    """Writes one piece of log at a time, in order, from a daemon thread started by the first piece."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pieces: SimpleQueue[bytes] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._writing: threading.Thread | None = None
        self.lost_lines = 0
        """Lines that could not be written: the disk is full, or the pipe's reader is gone."""

    @property
    def busy(self) -> bool:
        """True: the last piece is not written yet; a further one must wait its turn with the caller."""
        return not self._idle.is_set()

    def write(self, lines: bytes) -> None:
        """Returns at once. Call it only when not `busy`."""
        assert not self.busy, "one piece at a time"
        self._idle.clear()
        if self._writing is None:
            self._writing = threading.Thread(target=self._run, name="record-writer", daemon=True)
            self._writing.start()
        self._pieces.put(lines)

    def wait_idle(self, timeout_s: float) -> bool:
        """Blocks until the last piece is written. False: it was not within `timeout_s`."""
        return self._idle.wait(timeout_s)

    def _run(self) -> None:
        while True:
            lines = self._pieces.get()
            try:
                self._sink(lines)
            except OSError:
                self.lost_lines += lines.count(b"\n")
            self._idle.set()


class FdSink:
    """Writes to a file descriptor that other processes may write to as well, without mixing their lines.

    Writes of up to PIPE_BUF bytes to a pipe are atomic (pipe(7)); one write to a regular file is, too.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)

    def __call__(self, lines: bytes) -> None:
        if self._is_file:
            return self._write(lines)
        start = 0
        while start < len(lines):
            end = _piece_end(lines, start)
            self._write(lines[start:end])
            start = end
        return None

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            try:
                written = os.write(self._fd, rest)
                rest = rest[written:]
            except BlockingIOError:  # whoever shares the descriptor may have set O_NONBLOCK on it
                self._wait_writable()

    def _wait_writable(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        poll.poll()


def _piece_end(lines: bytes, start: int) -> int:
    """After the last whole line within PIPE_BUF bytes, or after the first line where that alone is longer."""
    limit = start + select.PIPE_BUF
    if limit >= len(lines):
        return len(lines)
    end = lines.rfind(b"\n", start, limit) + 1
    return end or lines.find(b"\n", limit) + 1 or len(lines)
