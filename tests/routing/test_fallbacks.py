from __future__ import annotations

from typing import Any

import pytest

from proxy.routing.fallbacks import Fallbacks, would_refuse
from proxy.routing.features import Features
from proxy.types import Refusal

LISTS = Fallbacks(
    general={"a": ["b", "a", "c", "b"], "*": ["z"]},
    default=["d"],
    context_window={"a": ["long"]},
    content_policy={"*": ["lenient"]},
    most=2,
)


@pytest.mark.parametrize(
    ("names", "refusal", "groups"),
    [
        (("a", "a"), None, ("b", "c")),
        (("x", "a"), None, ("b", "c")),
        (("x", "x"), None, ("z",)),
        (("a", "a"), Refusal.CONTEXT_WINDOW, ("long",)),
        (("x", "x"), Refusal.CONTEXT_WINDOW, ()),
        (("x", "x"), Refusal.CONTENT_POLICY, ("lenient",)),
    ],
)
def test_where_to_turn(names: tuple[str, str], refusal: Refusal | None, groups: tuple[str, ...]) -> None:
    assert LISTS.groups(names, refusal) == groups


def test_the_default_is_for_groups_without_a_list() -> None:
    lists = Fallbacks(general={"a": ["b"]}, default=["d"])
    assert (lists.groups(("a",), None), lists.groups(("x",), None)) == (("b",), ("d",))


@pytest.mark.parametrize(
    ("features", "refuses"),
    [
        (Features(), False),
        (Features(frozenset({"tools"})), False),
        (Features(frozenset({"vision"})), True),
        (Features(input_tokens=100), False),
        (Features(input_tokens=101), True),
    ],
)
def test_what_a_deployment_is_known_to_refuse(deployment: Any, features: Features, refuses: bool) -> None:
    with_limits = deployment("d", lacks=frozenset({"vision"}), max_input_tokens=100)
    assert would_refuse(with_limits, features) is refuses
