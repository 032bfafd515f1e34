from __future__ import annotations

import pytest

from proxy.simulator.run_progress import advance, events, settle
from proxy.simulator.store import Store
from proxy.simulator.thread_types import Message, Run, RunStep, Thread, message_text, text_part


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add(Thread(id="thread_1"))
    content = [text_part("Hello")]
    store.add(
        Message(id="msg_1", created_at=1, thread_id="thread_1", role="user", content=content), "thread_1"
    )
    return store


@pytest.fixture
def run(store: Store) -> Run:
    run = Run(
        id="run_1",
        created_at=1,
        thread_id="thread_1",
        assistant_id="asst_1",
        model="m",
        instructions="",
        tools=[],
        tool_choice="auto",
        response_format="auto",
        max_completion_tokens=None,
        temperature=1.0,
        top_p=1.0,
        metadata={},
        truncation_strategy={"type": "auto"},
    )
    store.add(run, "thread_1")
    return run


def _answers(store: Store) -> list[str]:
    return [message_text(item) for item in store.all(Message, "thread_1") if item.role == "assistant"]


def test_a_look_is_a_phase(store: Store, run: Run) -> None:
    seen = []
    for _ in range(3):
        advance(store, run)
        seen.append((run.status, len(_answers(store))))
    assert seen == [("in_progress", 0), ("completed", 1), ("completed", 1)]


def test_settling_ends_every_run(store: Store, run: Run) -> None:
    assert settle(store, "thread_1") is None
    assert run.status == "completed"


@pytest.mark.parametrize("seen_events", range(6))
def test_a_stream_left_half_way_leaves_nothing_behind(store: Store, run: Run, seen_events: int) -> None:
    stream = events(store, run)
    for _ in range(seen_events):
        next(stream)
    del stream
    assert _answers(store) == []
    settle(store, "thread_1")
    assert len(_answers(store)) == 1
    assert len(store.all(RunStep, run.id)) == 1


def test_cancelling_ends_in_cancelled(store: Store, run: Run) -> None:
    run.status = "cancelling"
    assert [name for name, _ in events(store, run)] == ["thread.run.cancelled"]
    assert _answers(store) == []
