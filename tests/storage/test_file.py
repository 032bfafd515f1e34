"""Reads, writes and posts, and what becomes of them while the file cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
import trio

from proxy.storage.file import StateFile, StateLimits, Stream
from proxy.storage.problems import Problem, StateError

SOON_S = 20.0


def put(name: str, connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO meta VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1", (name,))


def count(name: str, connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return 0 if found is None else int(found[0])


@asynccontextmanager
async def running(state: StateFile) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(state.run)
        yield
        nursery.cancel_scope.cancel()


async def until(state: StateFile, name: str, number: int) -> None:
    with trio.fail_after(SOON_S):
        while True:
            try:
                if await state.read(partial(count, name)) == number:
                    return
            except StateError:
                pass
            await trio.sleep(0.01)


async def is_well(state: StateFile, *, well: bool) -> None:
    with trio.fail_after(SOON_S):
        while (state.status().problem is None) is not well:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.01)


async def test_what_is_written_is_read(state: StateFile) -> None:
    await state.write(partial(put, "a"))
    assert await state.read(partial(count, "a")) == 1


async def test_a_write_that_raises_leaves_nothing(state: StateFile) -> None:
    def half(connection: sqlite3.Connection) -> None:
        put("a", connection)
        raise LookupError("of its own")

    with pytest.raises(LookupError):
        await state.write(half)
    assert await state.read(partial(count, "a")) == 0
    assert state.status().problem is None


async def test_what_is_wrong_with_a_statement_is_not_wrong_with_the_file(state: StateFile) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        await state.write(lambda connection: connection.execute("SELEKT"))
    with pytest.raises(sqlite3.IntegrityError):
        await state.write(lambda connection: connection.execute("INSERT INTO meta VALUES (NULL, 1)"))
    assert state.status().problem is None


async def test_a_read_cannot_write(state: StateFile) -> None:
    with pytest.raises(StateError):
        await state.read(partial(put, "a"))


async def test_a_numbered_batch_is_written_once(state: StateFile) -> None:
    stream = Stream()
    stream.begin()
    await state.write(partial(put, "a"), stream)
    await state.write(partial(put, "a"), stream)
    assert await state.read(partial(count, "a")) == 1
    stream.begin()
    await state.write(partial(put, "a"), stream)
    assert await state.read(partial(count, "a")) == 2


async def test_what_is_posted_is_written(state: StateFile) -> None:
    async with running(state):
        assert state.post(partial(put, "a"))
        await until(state, "a", 1)


async def test_what_is_posted_before_the_end_is_written(path: Path) -> None:
    state = StateFile(path)
    state.post(partial(put, "a"))
    state.close()
    again = StateFile(path)
    assert await again.read(partial(count, "a")) == 1
    again.close()


async def test_a_posted_write_that_raises_costs_no_other(
    state: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    def half(connection: sqlite3.Connection) -> None:
        put("a", connection)
        raise LookupError("of its own")

    async with running(state):
        for do in (partial(put, "a"), half, partial(put, "a")):
            state.post(do)
        await until(state, "a", 2)
    assert state.status().dropped == 1
    assert "LookupError" in caplog.text


async def test_more_than_may_wait_is_dropped_and_counted(path: Path) -> None:
    state = StateFile(path, StateLimits(queue=2))
    assert [state.post(partial(put, "a")) for _ in range(4)] == [True, True, False, False]
    assert (state.status().waiting, state.status().dropped) == (2, 2)
    state.close()


async def test_while_another_holds_it_locked_what_is_posted_waits(
    path: Path, state: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    state.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with running(state):
        for _ in range(3):
            state.post(partial(put, "a"))
        await is_well(state, well=False)
        assert await state.read(partial(count, "a")) == 0, "reads go on"
        with pytest.raises(StateError) as told:
            await state.write(partial(put, "b"))
        assert told.value.problem is Problem.LOCKED
        assert (state.status().problem, state.status().waiting) == ("locked", 3)
        other.execute("ROLLBACK")
        await until(state, "a", 3)
        await is_well(state, well=True)
    other.close()
    assert [record.message.count("usable again") for record in caplog.records] == [0, 1]


async def test_a_deleted_file_is_begun_anew(path: Path, state: StateFile) -> None:
    async with running(state):
        await state.write(partial(put, "before"))
        await trio.Path(path).unlink()
        state.post(partial(put, "a"))
        await until(state, "a", 1)
        assert await state.read(partial(count, "before")) == 0
        assert (state.status().exchanged, state.status().problem) == (1, None)


async def test_a_file_put_in_its_place_is_used(path: Path, state: StateFile) -> None:
    """As `mv backup.db sluice.db` does, with the old one's log left behind."""
    other = StateFile(path.with_name("backup.db"))
    await other.write(partial(put, "kept"))
    other.close()
    async with running(state):
        for _ in range(50):
            await state.write(partial(put, "before"))
        path.with_name("backup.db").rename(path)
        state.post(partial(put, "a"))
        await until(state, "a", 1)
        assert await state.read(partial(count, "kept")) == 1
        assert await state.read(partial(count, "before")) == 0
    state.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_two_processes_share_it(path: Path, state: StateFile) -> None:
    """Two objects, as of two workers: a connection each."""
    other = StateFile(path, StateLimits(flush_s=0.001))
    async with running(state), running(other):
        for _ in range(100):
            state.post(partial(put, "a"))
            other.post(partial(put, "a"))
        await until(state, "a", 200)
        await until(other, "a", 200)
    other.close()


@pytest.mark.usefixtures("cycles_collected")
async def test_both_see_that_it_was_deleted(path: Path, state: StateFile) -> None:
    other = StateFile(path, StateLimits(flush_s=0.001))
    async with running(state), running(other):
        await state.write(partial(put, "before"))
        await other.write(partial(put, "before"))
        await trio.Path(path).unlink()
        for _ in range(10):
            state.post(partial(put, "a"))
            other.post(partial(put, "a"))
        await until(state, "a", 20)
        await until(other, "a", 20)
    other.close()
    state.close()
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_full_disk_keeps_what_is_posted(state: StateFile) -> None:
    """As SQLite says it when there are no more pages to be had."""
    state.open()
    assert state._opened is not None
    connection = state._opened.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")

    def large(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('large', ?)", (b"x" * 100_000,))

    async with running(state):
        state.post(large)
        state.post(partial(put, "a"))
        await is_well(state, well=False)
        assert state.status().problem == "full"
        connection.execute("PRAGMA max_page_count = 1000000")
        await until(state, "a", 1)
        await is_well(state, well=True)
    assert state.status().dropped == 0


async def test_a_file_that_breaks_keeps_what_is_posted_until_another_is_in_its_place(
    path: Path, state: StateFile
) -> None:
    async with running(state):
        await state.write(partial(put, "before"))
        sides = [path.with_name(path.name + side) for side in ("", "-wal", "-shm")]
        await trio.to_thread.run_sync(_overwrite, sides)
        state.post(partial(put, "a"))
        await is_well(state, well=False)
        assert state.status().problem == "broken"
        for each in sides:
            await trio.Path(each).unlink(missing_ok=True)
        await until(state, "a", 1)
        await is_well(state, well=True)


def _overwrite(files: list[Path]) -> None:
    """In place: they are open, and the last one is mapped."""
    for path in files:
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)


async def test_a_report_that_takes_too_long_is_stopped(state: StateFile) -> None:
    def endless(connection: sqlite3.Connection) -> None:
        connection.execute(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT sum(x) FROM n"
        ).fetchone()

    with pytest.raises(StateError) as told:
        await state.report(endless, limit_s=0.05)
    assert told.value.problem is Problem.SLOW
    await state.write(partial(put, "a"))
    assert state.status().problem is None


async def test_reads_and_reports_go_on_while_somebody_writes_for_long(path: Path, state: StateFile) -> None:
    await state.write(partial(put, "a"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await state.read(partial(count, "a")) == 1
    assert await state.report(partial(count, "a")) == 1
    other.close()
