from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.affinity import ID_LIMIT_CHARS, MemoryStore, place

SCOPES = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 100), min_size=1, max_size=12)


def test_objects_are_remembered_and_forgotten() -> None:
    store = MemoryStore(10)
    assert store.get("file-1") is None
    store.put("file-1", "red")
    assert store.get("file-1") == "red"
    store.put("file-1", "blue")
    assert store.get("file-1") == "blue"
    store.forget("file-1")
    store.forget("file-1")
    assert store.get("file-1") is None


def test_the_least_recently_used_object_leaves_first() -> None:
    store = MemoryStore(2)
    store.put("a", "red")
    store.put("b", "red")
    store.get("a")
    store.put("c", "red")
    assert store.get("b") is None
    assert store.get("a") == store.get("c") == "red"
    assert len(store) == 2


def test_who_makes_thousands_takes_nobody_elses_place() -> None:
    store = MemoryStore(100)
    for number in range(40):
        store.put(f"theirs-{number}", "red", b"them")
    for number in range(10_000):
        store.put(f"flood-{number}", "blue", b"flood")
    assert len(store) == 100
    assert all(store.get(f"theirs-{number}") == "red" for number in range(40))
    assert store.get("flood-9999") == "blue"
    store.put("theirs-0", "green", b"flood")
    for number in range(40):
        store.forget(f"theirs-{number}")
    assert (len(store), list(store._owned)) == (60, [b"flood"])


def test_overlong_ids_are_not_kept() -> None:
    store = MemoryStore(10)
    store.put("x" * (ID_LIMIT_CHARS + 1), "red")
    assert len(store) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), st.integers(1, 5))
def test_the_store_is_a_bounded_lru(steps: list[tuple[int, bool]], limit: int) -> None:
    store = MemoryStore(limit)
    recent: list[str] = []
    for number, is_put in steps:
        key = str(number)
        expected = key in recent
        if is_put:
            store.put(key, "red")
        else:
            assert (store.get(key) == "red") == expected
        if is_put or expected:
            recent = [*(each for each in recent if each != key), key][-limit:]
    assert len(store) == len(recent)


def test_placement_is_the_same_in_every_process() -> None:
    scopes = [("red", 1), ("green", 2), ("blue", 3)]
    assert [place(b"caller-%d" % number, scopes) for number in range(6)] == [
        "green",
        "green",
        "blue",
        "green",
        "red",
        "blue",
    ]


def test_shares_follow_the_weights() -> None:
    scopes = {"red": 1, "green": 2, "blue": 5}
    seen = Counter(place(b"%d" % number, scopes.items()) for number in range(20_000))
    for name, weight in scopes.items():
        assert seen[name] / 20_000 == pytest.approx(weight / 8, abs=0.01)


def test_nowhere_to_place() -> None:
    with pytest.raises(ValueError, match="empty"):
        place(b"caller", [])


@given(st.binary(max_size=80), SCOPES)
def test_the_order_of_scopes_does_not_matter(key: bytes, scopes: dict[str, int]) -> None:
    assert place(key, scopes.items()) == place(key, reversed(scopes.items()))


@given(st.binary(max_size=80), SCOPES, st.data())
def test_only_the_keys_of_a_scope_that_leaves_move(
    key: bytes, scopes: dict[str, int], data: st.DataObject
) -> None:
    before = place(key, scopes.items())
    gone = data.draw(st.sampled_from(sorted(scopes)))
    rest = {name: weight for name, weight in scopes.items() if name != gone}
    if before != gone:
        assert place(key, rest.items()) == before


@given(st.binary(max_size=80), SCOPES, st.data())
def test_more_weight_only_attracts(key: bytes, scopes: dict[str, int], data: st.DataObject) -> None:
    heavier = data.draw(st.sampled_from(sorted(scopes)))
    before = place(key, scopes.items())
    after = place(key, {**scopes, heavier: scopes[heavier] * 2}.items())
    assert after in (before, heavier)
