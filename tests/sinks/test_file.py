from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from proxy.accounting.record import Record
from proxy.sinks.file import File
from proxy.sinks.sink import Away

MakeRecord = Callable[..., Record]


def calls(path: Path) -> list[str]:
    return [json.loads(line)["call_id"] for line in path.read_text().splitlines()]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_lines_are_appended_and_a_full_file_makes_room(make_record: MakeRecord, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    await File(path, 10_000_000, 2).send([make_record(call_id="size")])
    size = path.stat().st_size
    path.unlink()
    sink = File(path, 2 * size + size // 2, 2)
    for number in range(9):
        await sink.send([make_record(call_id=f"n{number:03d}")])
    assert calls(path) == ["n008"]
    assert calls(path.with_name("records.jsonl.1")) == ["n006", "n007"]
    assert calls(path.with_name("records.jsonl.2")) == ["n004", "n005"]
    assert files(tmp_path) == ["records.jsonl", "records.jsonl.1", "records.jsonl.2"]
    assert path.stat().st_mode & 0o007 == 0


async def test_none_is_kept_where_none_shall_be(make_record: MakeRecord, tmp_path: Path) -> None:
    sink = File(tmp_path / "records.jsonl", 1, 0)
    for number in range(3):
        await sink.send([make_record(call_id=str(number))])
    assert files(tmp_path) == ["records.jsonl"]
    assert calls(tmp_path / "records.jsonl") == ["2"]


async def test_where_nothing_can_be_written_it_is_away(make_record: MakeRecord, tmp_path: Path) -> None:
    with pytest.raises(Away, match="No such file"):
        await File(tmp_path / "none" / "records.jsonl", 1000, 1).send([make_record()])


def _append(path: Path, worker: int, record: Record) -> None:
    async def send() -> None:
        sink = File(path, 20_000, 1_000)
        for number in range(100):
            record.call_id = f"{worker}-{number}"
            await sink.send([record])

    trio.run(send)


def test_workers_lose_no_line_while_one_of_them_rotates(make_record: MakeRecord, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_append, args=(path, worker, make_record())) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = [call for file in tmp_path.iterdir() for call in calls(file)]
    assert sorted(found) == sorted(f"{worker}-{number}" for worker in range(4) for number in range(100))
