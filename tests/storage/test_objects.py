"""Which project holds an object: known to all workers, and after a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from proxy.storage.file import StateFile, StateLimits
from proxy.storage.objects import ObjectLimits, StoredObjects, find, tidy, touch

SOON_S = 20.0
DAY_S = 86_400


class Clock:
    """Unix seconds that stand still."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def objects(state: StateFile, clock: Clock) -> StoredObjects:
    return StoredObjects(state, clock=clock)


@asynccontextmanager
async def running(*stores: StoredObjects) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for store in stores:
            nursery.start_soon(store.run)
        yield
        nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(SOON_S):
        while not holds():  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.005)


async def stored(state: StateFile, object_id: str) -> str | None:
    rows = await state.read(partial(find, ids=[object_id]))
    return rows[0][1] if rows else None


async def until_stored(state: StateFile, object_id: str, scope: str | None) -> None:
    with trio.fail_after(SOON_S):
        while await stored(state, object_id) != scope:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.005)


async def test_others_hear_of_it_and_of_its_end(path: Path, state: StateFile, objects: StoredObjects) -> None:
    other = StateFile(path)
    others = StoredObjects(other)
    async with running(objects, others):
        await until(lambda: others._heard is not None)
        objects.put("thread_1", "scope-a", b"me")
        await until(lambda: others.get("thread_1") == "scope-a")
        others.put("thread_1", "scope-b")
        await until(lambda: objects.get("thread_1") == "scope-b")
        objects.forget("thread_1")
        await until(lambda: others.get("thread_1") is None)
    other.close()


async def test_a_restart_forgets_nothing(path: Path, state: StateFile, objects: StoredObjects) -> None:
    async with running(objects):
        objects.put("file-1", "scope-a", b"me")
        await until_stored(state, "file-1", "scope-a")
    again = StateFile(path)
    later = StoredObjects(again)
    assert len(later) == 0
    await later.refresh()
    assert len(later) == 1, "the router looks for ids"
    assert later.get("file-1") is None
    assert later.missed == ["file-1"]
    assert await later.seek()
    assert (later.get("file-1"), later.missed) == ("scope-a", [])
    again.close()


async def test_what_is_made_last_is_written_at_the_end(
    path: Path, state: StateFile, objects: StoredObjects
) -> None:
    objects.put("file-1", "scope-a")
    objects.finish()
    assert await stored(state, "file-1") == "scope-a"


async def test_an_unknown_id_is_looked_for_once(state: StateFile, objects: StoredObjects) -> None:
    assert objects.get("file-x") is None
    assert not await objects.seek()
    assert objects.get("file-x") is None
    assert objects.missed == []
    objects.put("file-x", "scope-a")
    assert objects.get("file-x") == "scope-a"


async def test_an_id_that_was_looked_for_and_is_made_then_is_heard_of(
    path: Path, objects: StoredObjects
) -> None:
    await objects.refresh()
    assert objects.get("file-x") is None
    assert not await objects.seek()
    other = StateFile(path)
    others = StoredObjects(other)
    others.put("file-x", "scope-a")
    others.finish()
    await objects.refresh()
    assert objects.get("file-x") == "scope-a"
    other.close()


async def test_an_id_that_decides_leaves_nothing_missed(objects: StoredObjects) -> None:
    objects.put("thread_1", "scope-a")
    assert [objects.get(name) for name in ("msg_1", "thread_1")] == [None, "scope-a"]
    assert objects.missed == []


async def test_while_the_file_is_locked_all_goes_on_and_is_written_then(
    path: Path, state: StateFile, objects: StoredObjects
) -> None:
    state.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with running(objects):
        objects.put("file-1", "scope-a")
        await until(lambda: state.status().problem == "locked")
        assert objects.get("file-1") == "scope-a"
        objects.put("file-1", "scope-b")
        other.execute("ROLLBACK")
        await until_stored(state, "file-1", "scope-b")
    other.close()


async def test_what_waits_is_bounded(path: Path, state: StateFile) -> None:
    store = StoredObjects(state, ObjectLimits(cached=10))
    for number in range(100):
        store.put(f"file-{number}", "scope-a")
    assert len(store._fresh) == 10
    store.finish()
    assert store._fresh == {}


async def test_the_same_said_again_is_not_written_again(state: StateFile, objects: StoredObjects) -> None:
    objects.put("file-1", "scope-a")
    objects.finish()
    objects.put("file-1", "scope-a")
    assert objects._fresh == {}


async def test_what_is_used_stays(state: StateFile, objects: StoredObjects, clock: Clock) -> None:
    for name in ("used", "unused"):
        objects.put(name, "scope-a")
    objects.finish()
    clock.now += 5 * DAY_S
    objects.get("used")
    state.flush()
    limits = ObjectLimits(kept_s=3 * DAY_S)
    await state.write(partial(tidy, limits, now=clock.now))
    assert [await stored(state, name) for name in ("used", "unused")] == ["scope-a", None]


async def test_the_longest_unused_go_first(state: StateFile, objects: StoredObjects, clock: Clock) -> None:
    for number in range(10):
        clock.now += 1
        objects.put(f"file-{number}", "scope-a")
        objects.finish()
    await state.write(partial(touch, object_id="file-0", now=clock.now + 1))
    await state.write(partial(tidy, ObjectLimits(kept=3), now=clock.now))
    left = [number for number in range(10) if await stored(state, f"file-{number}")]
    assert left == [0, 8, 9]


async def test_deletions_are_told_for_a_day(state: StateFile, objects: StoredObjects, clock: Clock) -> None:
    objects.put("file-1", "scope-a")
    objects.forget("file-1")
    objects.finish()
    for passed_s, left in ((1, ""), (2 * DAY_S, None)):
        await state.write(partial(tidy, ObjectLimits(), now=clock.now + passed_s))
        assert await stored(state, "file-1") == left


async def test_a_deleted_file_is_listened_to_from_its_beginning(
    path: Path, state: StateFile, objects: StoredObjects
) -> None:
    other = StateFile(path, StateLimits(flush_s=0.001))
    others = StoredObjects(other)
    for number in range(5):
        objects.put(f"file-{number}", "scope-a")
    objects.finish()
    await others.refresh()
    await trio.Path(path).unlink()
    state.flush()
    other.flush()
    await others.refresh()
    objects.put("file-new", "scope-a")
    objects.finish()
    await others.refresh()
    assert others.get("file-new") == "scope-a"
    other.close()
