"""Conversations of /responses in the state file: each its owner's, in bounds, and gone when old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from proxy.storage import conversations
from proxy.storage.conversations import MOST_BYTES, ConversationLimits, StoredConversations, tidy
from proxy.storage.file import StateFile

ITEMS = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    file = StateFile(tmp_path / "state.db")
    yield file
    file.close()


async def test_it_is_its_owners_alone(state: StateFile, autojump_clock: object) -> None:
    here, there = StoredConversations(state), StoredConversations(state)
    here.keep(b"a", "resp_1", ITEMS)
    for store in (here, there):
        if store is there:
            state.flush()
        found = await store.find(b"a", "resp_1")
        assert found is not None
        assert [bytes(item) for item in found] == [b'{"role":"user","content":"Hi"}']
        assert await store.find(b"b", "resp_1") is None
        assert await store.find(b"a", "resp_2") is None


async def test_one_that_is_too_long_is_not_kept(state: StateFile, autojump_clock: object) -> None:
    store = StoredConversations(state)
    store.keep(b"a", "resp_1", [Raw(b'"%b"' % (b"x" * MOST_BYTES))])
    assert await store.find(b"a", "resp_1") is None


def test_what_is_remembered_here_is_bounded(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "RECENT_BYTES", 100)
    store = StoredConversations(state)
    for number in range(10):
        store.keep(b"a", f"resp_{number}", ITEMS)
    assert list(store._recent) == ["resp_7", "resp_8", "resp_9"]


def test_the_old_and_the_surplus_go(state: StateFile) -> None:
    now = 1_000_000.0
    for number in range(6):
        StoredConversations(state, lambda made=now - 1000 * number: made).keep(b"a", f"resp_{number}", ITEMS)
    state.flush()
    limits = ConversationLimits(kept=3, kept_s=4500)
    assert not state.write_now(lambda connection: tidy(limits, connection, now))
    ids = state.write_now(lambda connection: connection.execute("SELECT id FROM conversations").fetchall())
    assert sorted(ids) == [("resp_0",), ("resp_1",), ("resp_2",)]
