from __future__ import annotations

import pytest

from proxy.errors import GatewayError
from proxy.simulator.assistants import Assistant
from proxy.simulator.store import Blobs, Store, Stores
from proxy.simulator.thread_types import Thread


def test_objects_are_found_by_kind_parent_and_id() -> None:
    store = Store()
    store.add(Thread(id="thread_1"), parent="a")
    assert store.get(Thread, "thread_1", "a").id == "thread_1"
    for kind, object_id, parent in ((Thread, "thread_1", "b"), (Thread, "thread_2", "a")):
        with pytest.raises(GatewayError, match=f"No thread found with id '{object_id}'."):
            store.get(kind, object_id, parent)
    with pytest.raises(GatewayError, match="No assistant found"):
        store.get(Assistant, "thread_1", "a")


def test_the_oldest_object_makes_room() -> None:
    store = Store(max_objects=2)
    for number in range(3):
        store.add(Thread(id=f"thread_{number}"))
    assert [thread.id for thread in store.all(Thread)] == ["thread_1", "thread_2"]


def test_storing_an_object_again_takes_no_room() -> None:
    store = Store(max_objects=2)
    for thread_id in ("thread_1", "thread_2", "thread_2"):
        store.add(Thread(id=thread_id))
    assert [thread.id for thread in store.all(Thread)] == ["thread_1", "thread_2"]


def test_clearing_a_parent_makes_room() -> None:
    store = Store(max_objects=2)
    store.add(Thread(id="thread_1"))
    store.add(Thread(id="child"), parent="thread_1")
    store.clear(Thread, "thread_1")
    store.add(Thread(id="thread_2"))
    assert [thread.id for thread in store.all(Thread)] == ["thread_1", "thread_2"]
    assert store.all(Thread, "thread_1") == []


def test_the_oldest_contents_make_room() -> None:
    blobs = Blobs(limit_bytes=10)
    for name in "abc":
        blobs.put(name, b"12345")
    assert (blobs.get("a"), blobs.get("b"), blobs.get("c")) == (b"", b"12345", b"12345")
    blobs.remove("b")
    blobs.put("d", b"12345")
    assert blobs.get("c") == b"12345"


def test_every_key_has_a_store_and_the_one_unused_longest_is_dropped() -> None:
    stores = Stores(max_keys=2)
    first, second = stores.of("first"), stores.of("second")
    assert stores.of("first") is first
    stores.of("third")
    assert stores.of("first") is first
    assert stores.of("second") is not second
