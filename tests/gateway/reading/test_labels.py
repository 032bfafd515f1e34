"""On whose behalf, and under which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.reading.labels import MAX_TAG_CHARS, MAX_TAGS, NONE, Labels, labels_of, usable_tags
from proxy.gateway.reading.peek import peek_json
from proxy.types import Header
from proxy.wire.form import RequestHead


def of(*headers: Header, body: object = None, of_key: tuple[str, ...] = ()) -> Labels:
    said = NONE if body is None else peek_json(json.dumps(body).encode()).labels
    return labels_of(RequestHead.of(b"POST", b"/v1/chat/completions", headers), said, of_key)


@pytest.mark.parametrize(
    ("headers", "body", "customer"),
    [
        ((), {"model": "m"}, None),
        ((), {"model": "m", "user": "ada"}, "ada"),
        ((), {"model": "m", "metadata": {"user_id": "ada"}}, "ada"),
        ((), {"model": "m", "user": "ada", "metadata": {"user_id": "bob"}}, "ada"),
        (((b"X-LiteLLM-End-User-Id", b"carl"),), {"model": "m", "user": "ada"}, "carl"),
        (((b"x-litellm-customer-id", b"carl"),), {"model": "m"}, "carl"),
        (((b"x-litellm-end-user-id", b" "),), {"model": "m", "user": "ada"}, "ada"),
        ((), {"model": "m", "user": 7}, None),
        ((), {"model": "m", "user": ""}, None),
        ((), {"model": "m", "user": "x" * 257}, None),
        ((), {"model": "m", "user": "a\nb"}, None),
        ((), {"model": "m", "user": "ada", "max_tokens": "many"}, "ada"),
    ],
)
def test_the_customer(headers: tuple[Header, ...], body: object, customer: str | None) -> None:
    assert of(*headers, body=body).customer == customer


@pytest.mark.parametrize(
    ("headers", "body", "of_key", "tags"),
    [
        ((), {"model": "m"}, (), ()),
        ((), {"model": "m", "metadata": {"tags": ["a", " b ", "a"]}}, (), ("a", "b")),
        (((b"x-litellm-tags", b"c, d,,"),), {"metadata": {"tags": ["a"]}}, ("k",), ("k", "c", "d", "a")),
        ((), {"model": "m"}, ("k",), ("k",)),
        ((), {"metadata": {"tags": "a"}}, (), ()),
        ((), {"metadata": {"tags": [1]}}, (), ()),
        ((), {"metadata": "text"}, (), ()),
        ((), {"metadata": {"tags": ["a\u0000b", "", "x" * (MAX_TAG_CHARS + 1)]}}, (), ()),
    ],
)
def test_the_tags(
    headers: tuple[Header, ...], body: object, of_key: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    assert of(*headers, body=body, of_key=of_key).tags == tags


@given(st.lists(st.text(max_size=200)))
def test_tags_are_bounded(texts: list[str]) -> None:
    tags = usable_tags([*texts, *map(str, range(100))])
    assert len(tags) <= MAX_TAGS
    assert all(len(tag) <= MAX_TAG_CHARS and tag.isprintable() for tag in tags)


def test_a_request_that_says_nothing_costs_nothing() -> None:
    assert of(body={"model": "m"}) is NONE
