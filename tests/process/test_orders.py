"""The operator's last words."""

from __future__ import annotations

from proxy.process import orders
from proxy.process.orders import TARGET_BYTES, LastWords, Order, target_of
from proxy.routing.router import Hold


def said(deployment_id: str, hold: Hold) -> Order:
    return Order(target_of(deployment_id), hold)


def test_a_target_has_one_size_whatever_the_id() -> None:
    targets = {target_of(id_) for id_ in ("", "a", "é" * 5000)}
    assert {len(target) for target in targets} == {TARGET_BYTES}
    assert len(targets) == 3


def test_the_last_word_counts_and_the_order_is_kept() -> None:
    words = LastWords()
    for order in (said("a", Hold.draining()), said("b", Hold.benched(5.0)), said("a", Hold.revived())):
        words.add(order)
    assert words.numbered() == [(2, said("b", Hold.benched(5.0))), (3, said("a", Hold.revived()))]
    assert words.of(["a", "c"]) == [("a", Hold.revived())]
    assert LastWords().of(["a"]) == []


def test_they_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(orders, "MAX_ORDERS", 3)
    words = LastWords()
    for number in range(5):
        words.add(said(str(number), Hold.draining()))
    assert [number for number, _ in words.numbered()] == [3, 4, 5]
    assert words.of(["0", "4"]) == [("4", Hold.draining())]
