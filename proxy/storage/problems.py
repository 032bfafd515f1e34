"""What can be wrong with the state file, in words that say what to do."""

from __future__ import annotations

import enum
import sqlite3
from pathlib import Path


class Problem(enum.Enum):
    """Why the file cannot be used now. The values are labels of metrics: few and fixed."""

    LOCKED = "locked"
    FULL = "full"
    READ_ONLY = "read_only"
    BROKEN = "broken"
    NEWER = "newer"
    UNREACHABLE = "unreachable"
    """No such folder, no right to it, or the disk fails."""
    SLOW = "slow"
    """A report took longer than it may."""
    STRANGE = "strange"
    """It is something else than a state file."""


_ADVICE = {
    Problem.LOCKED: "Another program holds it locked: `fuser {path}` tells which; end that one's transaction.",
    Problem.FULL: "Its disk, or a quota, is full: make room in {folder}, or have `sluice_settings.state` name a"
    " file elsewhere.",
    Problem.READ_ONLY: "It has to be written: give the gateway's user {folder} with its files, or have"
    " `sluice_settings.state` name a file elsewhere (`off`: nothing is kept over a restart).",
    Problem.BROKEN: "`sluice db check` says more. Put a backup in its place, or move it away (with its -wal and"
    " -shm) to begin anew.",
    Problem.NEWER: "A newer Sluice has written it: run that one, or have `sluice_settings.state` name another file.",
    Problem.UNREACHABLE: "It lies in {folder}, which must be there and belong to the gateway's user; or have"
    " `sluice_settings.state` name a file elsewhere (`off`: nothing is kept over a restart).",
    Problem.SLOW: "It is asked for more than is read in time: ask for fewer days.",
    Problem.STRANGE: "It is no state file of Sluice's: have `sluice_settings.state` name another one.",
}
_BY_CODE = {
    sqlite3.SQLITE_BUSY: Problem.LOCKED,
    sqlite3.SQLITE_LOCKED: Problem.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Problem.LOCKED,
    sqlite3.SQLITE_FULL: Problem.FULL,
    sqlite3.SQLITE_READONLY: Problem.READ_ONLY,
    sqlite3.SQLITE_PERM: Problem.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Problem.BROKEN,
    sqlite3.SQLITE_NOTADB: Problem.BROKEN,
    sqlite3.SQLITE_IOERR: Problem.UNREACHABLE,
    sqlite3.SQLITE_CANTOPEN: Problem.UNREACHABLE,
    sqlite3.SQLITE_INTERRUPT: Problem.SLOW,
}
"""By the low byte of what SQLite says (https://www.sqlite.org/rescode.html)."""


class StateError(Exception):
    """The state file cannot be used now. `str()` names it, and says what is wrong and what to do."""

    def __init__(self, problem: Problem, path: Path, said: str = "") -> None:
        advice = _ADVICE[problem].format(path=path, folder=path.absolute().parent)
        super().__init__(f"state file {path}: {said or problem.value}. {advice}")
        self.problem = problem


def problem_of(error: sqlite3.Error) -> Problem | None:
    """None: the statement is to blame, and nothing is wrong with the file."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _BY_CODE.get(code & 0xFF)
