"""Opens the state file: found or made, proved to be one that can be written, brought up to date."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from proxy.storage.migrating import migrate
from proxy.storage.problems import Problem, StateError, problem_of

APPLICATION_ID = 0x51C3DB01
"""In the file's head: it is ours (https://www.sqlite.org/pragma.html#pragma_application_id)."""
MODE = 0o600
"""Whose key asked for what, and what it cost, is nobody's business but the gateway's."""
BUSY_S = 5.0
"""For another process's transaction to end: ours take milliseconds, a checkpoint of a large log a second or two."""
TURN_S = 20.0
"""For another process that opens, which may migrate."""
_LOOK_S = 0.02
WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""The log's size on disk after a checkpoint: what a burst leaves behind is given back."""
CACHE_KIB = 4096
"""Of pages, for each connection: the rollups' and the indexes' newest ones."""
_SIDES = ("-wal", "-shm")


class Identity(msgspec.Struct, frozen=True):
    """Which file it is, whatever its name."""

    device: int
    inode: int


class Opened(msgspec.Struct, frozen=True):
    connection: sqlite3.Connection
    identity: Identity
    sides: tuple[Identity | None, ...]
    """Of its log and that log's index."""


def open_file(path: Path, busy_s: float = BUSY_S, before: Opened | None = None) -> Opened:
    """Blocks. Raises StateError. Any thread may use the connection, one at a time; transactions are the user's.

    `before`: what was open until the file was exchanged, not closed yet.
    """
    try:
        with _turn(path):
            if before is not None and not is_the_same(path, before):
                _forsake(path, before)
            connection = _connect(path, busy_s)
            try:
                _prove(connection, path)
            except BaseException:
                connection.close()
                raise
            return Opened(connection, _identity(path) or Identity(0, 0), _sides(path))
    except sqlite3.Error as error:
        raise StateError(problem_of(error) or Problem.BROKEN, path, str(error)) from error
    except OSError as error:
        problem = _BY_ERRNO.get(error.errno or 0, Problem.UNREACHABLE)
        if problem is Problem.READ_ONLY and not path.exists():
            problem = Problem.UNREACHABLE
        raise StateError(problem, path, error.strerror or str(error)) from error


_BY_ERRNO = {
    errno.ENOSPC: Problem.FULL,
    errno.EDQUOT: Problem.FULL,
    errno.EACCES: Problem.READ_ONLY,
    errno.EPERM: Problem.READ_ONLY,
    errno.EROFS: Problem.READ_ONLY,
}


def is_the_same(path: Path, opened: Opened) -> bool:
    """False: it was deleted, or another was put in its place."""
    return _identity(path) == opened.identity


def connect_to_read(path: Path, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A further connection that writes nothing. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", busy_s, uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in ("query_only = ON", f"cache_size = {-CACHE_KIB}", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One process at a time opens: between making a file and its first table it would be taken for a strange one."""
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + TURN_S
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StateError(Problem.LOCKED, path, "another process is opening it") from None
                time.sleep(_LOOK_S)
        yield
    finally:
        os.close(folder)


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    _make(path)
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", busy_s, uri=True, isolation_level=None, check_same_thread=False
    )


def _make(path: Path) -> None:
    """Nobody else may read it. Its log and index get its mode from SQLite.

    One that is there is not opened: to close it would free SQLite's own locks on it (POSIX, fcntl(2)).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    except FileExistsError:
        found = path.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            path.chmod(MODE)


def _prove(connection: sqlite3.Connection, path: Path) -> None:
    execute = connection.execute
    (id_,) = execute("PRAGMA application_id").fetchone()
    (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if id_ != APPLICATION_ID and (tables or id_):
        raise StateError(Problem.STRANGE, path, "is the database of another program")
    if not tables:
        execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there is a table, or not at all
        execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for setting in (
        "journal_mode = WAL",
        "synchronous = FULL",  # what was written outlives a loss of power
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        f"cache_size = {-CACHE_KIB}",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
    ):
        execute(f"PRAGMA {setting}")
    migrate(connection, path)
    execute(
        "INSERT INTO meta VALUES ('opened_s', unixepoch()) ON CONFLICT DO UPDATE SET value = excluded.value"
    )


def _forsake(path: Path, before: Opened) -> None:
    """The log of a file that is gone must not be taken for that of the one in its place.

    As long as `before` is open nothing else has its inode's number.
    https://www.sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use
    """
    for side, name in zip(before.sides, _SIDES, strict=True):
        if side is not None and _identity(_side(path, name)) == side:
            with contextlib.suppress(FileNotFoundError):
                _side(path, name).unlink()


def _sides(path: Path) -> tuple[Identity | None, ...]:
    return tuple(_identity(_side(path, name)) for name in _SIDES)


def _side(path: Path, name: str) -> Path:
    return path.with_name(path.name + name)


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Identity(found.st_dev, found.st_ino)
