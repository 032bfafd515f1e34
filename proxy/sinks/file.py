"""`file`: JSON lines in a file, which all workers append to, and which makes room for a new one when it is full."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import trio

from proxy.accounting.lines import json_lines
from proxy.accounting.record import Record
from proxy.sinks.sink import Away

MODE = 0o640


class File:
    name = "file"
    keeps = True

    def __init__(self, path: Path, most_bytes: int, keep: int) -> None:
        """`keep`: full files beside the one that is written: `path.1` is the latest."""
        self._path = path
        self._most_bytes = most_bytes
        self._keep = keep

    async def send(self, records: Sequence[Record]) -> None:
        lines = json_lines(records)
        try:
            await trio.to_thread.run_sync(self._append, lines, abandon_on_cancel=True)
        except OSError as problem:
            raise Away(f"{self._path}: {problem.strerror}") from problem

    def _append(self, lines: bytes) -> None:
        """All or nothing: what a full disk cut is taken back."""
        while True:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if not self._is_current(fd):
                    continue  # another worker has rotated it meanwhile
                size = os.fstat(fd).st_size
                if size and size + len(lines) > self._most_bytes:
                    self._rotate()
                    continue
                return _write_all(fd, lines, size)
            finally:
                os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        """Under the lock of the file that becomes `.1`."""
        if not self._keep:
            return self._path.unlink()
        numbered = [
            self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._keep + 1)
        ]
        for older, newer in zip(reversed(numbered), [*reversed(numbered[:-1]), self._path], strict=True):
            if newer.exists():
                newer.replace(older)
        return None


def _write_all(fd: int, lines: bytes, size: int) -> None:
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError:
        os.ftruncate(fd, size)
        raise
