from __future__ import annotations

import os

from proxy.process import counted
from proxy.process.counted import BUCKET_IDS, SharedCounted


def test_each_object_is_first_once() -> None:
    table = SharedCounted()
    assert [table.first(name) for name in ("resp_1", "resp_2", "resp_1", "é" * 300, "é" * 300)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_what_another_process_counted_is_counted() -> None:
    table = SharedCounted()
    child = os.fork()
    if not child:
        os._exit(0 if table.first("resp_1") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not table.first("resp_1")
    assert table.first("resp_2")


def test_a_full_bucket_forgets_its_oldest(monkeypatch) -> None:
    monkeypatch.setattr(counted, "BUCKETS", 1)
    table = SharedCounted()
    names = [f"resp_{number}" for number in range(BUCKET_IDS + 1)]
    assert all(map(table.first, names))
    assert not any(map(table.first, names[1:])), "the newest are remembered"
    assert table.first(names[0])
