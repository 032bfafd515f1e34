"""A copy of the state file as it is at one moment, and the file without the room that it does not need."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from proxy.storage.checking import faults
from proxy.storage.opening import BUSY_S, MODE, connect_to_read, open_file
from proxy.storage.problems import Problem, StateError, problem_of

STEP_PAGES = 2_000
"""Between two of these the gateway may write: 8 MiB."""
PART = ".part"


def back_up(path: Path, to: Path) -> int:
    """By SQLite's backup API, while others write. Returns the copy's size in bytes, which was checked.

    Raises StateError; FileExistsError, and nothing is overwritten.
    """
    if to.exists():
        raise FileExistsError(f"{to} is there already: name another file")
    part = to.with_name(to.name + PART)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    try:
        _copy(path, part)
        _must_be_whole(part, path)
        part.rename(to)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        for side in ("-wal", "-shm", "-journal"):
            part.with_name(part.name + side).unlink(missing_ok=True)
    return to.stat().st_size


def _must_be_whole(copy: Path, path: Path) -> None:
    found = faults(copy)
    if found:
        raise StateError(Problem.BROKEN, path, f"its copy is not whole: {found[0]}")


def _copy(path: Path, part: Path) -> None:
    try:
        with (
            contextlib.closing(connect_to_read(path)) as source,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            source.execute("BEGIN")  # of one moment, whatever is written meanwhile
            source.execute("SELECT 1 FROM sqlite_schema").fetchall()
            source.backup(copy, pages=STEP_PAGES)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, not three
            file = os.open(part, os.O_RDONLY)
            os.fsync(file)
            os.close(file)
    except sqlite3.Error as error:
        raise StateError(problem_of(error) or Problem.BROKEN, path, str(error)) from error


def shrink(path: Path) -> None:
    """Others' writes wait meanwhile; it takes as much room again until it is done. Raises StateError."""
    connection = open_file(path, BUSY_S).connection
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise StateError(problem_of(error) or Problem.BROKEN, path, str(error)) from error
    finally:
        connection.close()
