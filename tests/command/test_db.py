"""`sluice db` beside a gateway that writes, and on files of all sorts."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from loadtest.gateway_process import running_gateway
from proxy.command.cli import main
from proxy.process.exit_codes import EX_CONFIG, EX_FAILED, EX_OK
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows
from tests.storage.making import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sluice.db"
    state = StateFile(path)
    RecordRows(state).finish([record() for _ in range(2_000)], 0)
    state.close()
    return path


def rows(path: Path, sql: str = "SELECT count(*) FROM records") -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


def test_a_whole_one(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "check", "--state", str(path)], {}) == EX_OK
    assert capsys.readouterr().out == f"{path}: whole\n"


def test_it_is_found_as_the_gateway_finds_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = path.parent / "config.yaml"
    config.write_text("general_settings: {master_key: sk-long-enough-for-a-key}\n")
    assert main(["db", "check", "--config", str(config)], {}) == EX_OK
    other = path.with_name("other.db")
    path.rename(other)
    assert main(["db", "check", "-c", str(config)], {"STATE_DIRECTORY": "/nowhere"}) == EX_FAILED
    config.write_text("sluice_settings: {state: other.db}\n")
    assert main(["db", "check"], {"CONFIG_FILE_PATH": str(config)}) == EX_OK
    config.write_text("sluice_settings: {state: off}\n")
    assert main(["db", "check", "-c", str(config)], {}) == EX_CONFIG
    assert "There is no state file" in capsys.readouterr().err


@pytest.mark.usefixtures("cycles_collected")
def test_broken_pages_are_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = bytearray(path.read_bytes())
    for page in range(20, len(whole) // 4096, 7):
        whole[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(whole)
    assert main(["db", "check", "--state", str(path)], {}) == EX_FAILED
    assert str(path) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("DROP TABLE tag_days", "table tag_days is missing"),
        ("DROP INDEX records_call", "index records_call is missing"),
    ],
)
def test_tables_that_are_missing_are_told(
    path: Path, capsys: pytest.CaptureFixture[str], done: str, told: str
) -> None:
    connection = sqlite3.connect(path)
    connection.execute(done)
    connection.close()
    assert main(["db", "check", "--state", str(path)], {}) == EX_FAILED
    assert told in capsys.readouterr().out


@pytest.mark.usefixtures("cycles_collected")
def test_what_is_no_state_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.db"
    path.write_text("no database" * 1000)
    assert main(["db", "check", "--state", str(path)], {}) == EX_FAILED
    with closing(sqlite3.connect(tmp_path / "y.db")) as other:
        other.execute("CREATE TABLE a (b)")
    assert main(["db", "check", "--state", str(tmp_path / "y.db")], {}) == EX_FAILED
    said = capsys.readouterr()
    assert "file is not a database" in said.out
    assert "is the database of another program" in said.err


def test_a_backup_beside_one_who_writes(path: Path) -> None:
    state = StateFile(path)
    writer = RecordRows(state)
    writer.finish([record() for _ in range(500)], 0)
    to = path.with_name("backup.db")
    assert main(["db", "backup", str(to), "--state", str(path)], {}) == EX_OK
    writer.finish([record() for _ in range(500)], 0)
    state.close()
    assert rows(to) == rows(to, "SELECT sum(requests) FROM days") == 2_500
    assert rows(path) == 3_000
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["backup.db", "sluice.db"]
    copy = StateFile(to)
    copy.open()
    copy.close()


def test_a_backup_overwrites_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = path.with_name("backup.db")
    to.write_text("mine")
    assert main(["db", "backup", str(to), "--state", str(path)], {}) == EX_FAILED
    assert to.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


def test_vacuum_gives_room_back(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM records")
    connection.commit()
    connection.close()
    before = path.stat().st_size
    assert main(["db", "vacuum", "--state", str(path)], {}) == EX_OK
    assert path.stat().st_size < before / 3
    assert rows(path, "SELECT sum(requests) FROM days") == 2_000
    assert rows(path, "PRAGMA auto_vacuum") == 2


def test_beside_a_gateway(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    with running_gateway(tmp_path):
        for action in (["check"], ["backup", str(tmp_path / "backup.db")], ["vacuum"]):
            assert main(["db", *action, "--state", str(path)], {}) == EX_OK
