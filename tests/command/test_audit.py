"""`sluice audit`: what it says, and what it mends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.command.cli import main
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows
from proxy.storage.spend import SpendRows
from tests.storage.making import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sluice.db"
    state = StateFile(path)
    RecordRows(state, beside=[SpendRows()]).finish([record() for _ in range(50)], 0)
    state.close()
    return path


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def test_balanced(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--state", str(path)], {}) == EX_OK
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "50 records: $0.000050 (50,000 nano-dollars)"
    assert out[-1] == "balanced to the nano-dollar"


def test_what_is_wrong_is_told_and_mended(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(path, "UPDATE spend SET nano = nano + 3")
    change(path, "UPDATE days SET requests = 1")
    assert main(["audit", "--state", str(path)], {}) == EX_FAILED
    out = capsys.readouterr().out
    assert "sums of 1 days do not agree: 2024-10-04" in out
    assert "key k1: 50,003 counted, 50,000 by the records (+3)" in out
    assert main(["audit", "--mend", "--state", str(path)], {}) == EX_OK
    assert main(["audit", "--state", str(path)], {}) == EX_OK
