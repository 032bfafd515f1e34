"""Starts on files of all sorts: an error says what is wrong and what to do, and nothing else is harmed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from proxy.storage.migrating import applied_in
from proxy.storage.opening import is_the_same, open_file
from proxy.storage.problems import Problem, StateError

NOBODY = 65534


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _told(path: Path) -> StateError:
    with pytest.raises(StateError) as told:
        open_file(path, busy_s=0.0)
    assert str(path) in str(told.value)
    return told.value


def test_it_is_made_for_the_gateways_user_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        opened = open_file(path)
    finally:
        os.umask(before)
    assert _mode(path) == 0o600
    assert {_mode(side) for side in path.parent.glob("sluice.db-*")} == {0o600}
    assert applied_in(opened.connection)
    assert opened.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    opened.connection.close()
    path.chmod(0o644)
    open_file(path).connection.close()
    assert _mode(path) == 0o600


def test_an_empty_file_is_begun_with(path: Path) -> None:
    path.touch()
    open_file(path).connection.close()


def test_another_programs_database_is_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a TEXT)")
    before = path.read_bytes()
    told = _told(path)
    assert told.problem is Problem.STRANGE
    assert "is the database of another program" in str(told)
    assert path.read_bytes() == before


def test_what_is_no_database_is_not_touched(path: Path) -> None:
    path.write_text("This is no database.\n" * 100)
    before = path.read_bytes()
    assert _told(path).problem is Problem.BROKEN
    assert path.read_bytes() == before


def test_a_broken_one_is_told(path: Path) -> None:
    open_file(path).connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    told = _told(path)
    assert told.problem is Problem.BROKEN
    assert "sluice db check" in str(told)


def test_a_newer_one_is_told(path: Path) -> None:
    opened = open_file(path)
    opened.connection.execute("INSERT INTO migrations (number, name) VALUES (9000, 'of_tomorrow')")
    opened.connection.close()
    assert _told(path).problem is Problem.NEWER


def test_a_locked_one_is_told(path: Path) -> None:
    open_file(path).connection.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told = _told(path)
    other.close()
    assert told.problem is Problem.LOCKED
    assert f"fuser {path}" in str(told)
    open_file(path).connection.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = _told(tmp_path / "nowhere" / "sluice.db")
    assert told.problem is Problem.UNREACHABLE
    assert str(tmp_path / "nowhere") in str(told)


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir()
    assert _told(path).problem is Problem.UNREACHABLE


_OPEN = """
import os, sys
from pathlib import Path
from proxy.storage.opening import open_file
from proxy.storage.problems import StateError
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    open_file(Path(sys.argv[1]))
except StateError as error:
    print(error.problem.value, error)
"""


def _opened_by_another_user(path: Path) -> str:
    """Root may write anywhere."""
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(path)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    return done.stdout


def _let_through(path: Path) -> None:
    """pytest's folders are closed to others."""
    for folder in path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)


def test_one_that_may_not_be_written_is_told(path: Path) -> None:
    open_file(path).connection.close()
    path.chmod(0o444)
    _let_through(path)
    assert _opened_by_another_user(path).startswith("read_only ")


def test_a_folder_that_may_not_be_written_is_told(path: Path) -> None:
    path.parent.chmod(0o555)
    _let_through(path)
    assert _opened_by_another_user(path).startswith("unreachable ")


def test_it_knows_its_own(path: Path) -> None:
    opened = open_file(path)
    assert is_the_same(path, opened)
    path.rename(path.with_name("moved.db"))
    assert not is_the_same(path, opened)
    again = open_file(path, before=opened)
    assert is_the_same(path, again)
    opened.connection.close()
    again.connection.execute("INSERT INTO meta VALUES ('a', 1)")
    again.connection.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'a'").fetchone() == (1,)
