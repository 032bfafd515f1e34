"""Pages of an upstream's list."""

from __future__ import annotations

import json

import pytest

from proxy.providers.lists import Item, further, goes_back, page_in, page_of

PAGE = {
    "object": "list",
    "data": [{"id": "file-a", "bytes": 1}, {"id": "file-b", "metadata": {"id": "x"}}],
    "first_id": "file-a",
    "last_id": "file-b",
    "has_more": False,
}


def said(**fields: object) -> bytes:
    return json.dumps(PAGE | fields).encode()


def test_its_objects_are_as_they_came_and_its_ends_are_those_that_are_shown() -> None:
    page = page_in(said(total=17))
    assert page is not None
    assert [item.id for item in page.items] == ["file-a", "file-b"]
    shown = json.loads(page_of(page, page.items[1:], has_more=True))
    assert shown == PAGE | {"data": PAGE["data"][1:], "first_id": "file-b", "has_more": True}  # type: ignore[index]
    assert json.loads(page_of(page, (), has_more=False)) == PAGE | {
        "data": [],
        "first_id": None,
        "last_id": None,
    }


def test_a_page_gets_no_fields_that_it_had_not_unless_more_follow() -> None:
    page = page_in(b'{"object":"list","data":[{"id":"a-1"}]}')
    assert page is not None
    assert not page.has_more
    assert json.loads(page_of(page, page.items, has_more=False)).keys() == {"object", "data"}
    assert json.loads(page_of(page, page.items, has_more=True))["has_more"] is True


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"null", b'{"data":{}}', b'{"data":null}', b'{"data":["file-a"]}', b'{"data":[{"name":"a"}]}',
        b'{"data":[{"id":7}]}', b'{"object":"file","id":"file-a"}', b'{"data":[],"next_page":"abc"}',
        b'{"data":[],"has_more":"yes"}', b'{"data":[{"id":"file-a"}', b"\xff",
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_no_page(text: bytes) -> None:
    assert page_in(text) is None


def test_a_cursor_of_another_kind_that_says_nothing_is_none() -> None:
    assert page_in(b'{"data":[],"next_page":null,"has_more":null}') is not None


@pytest.mark.parametrize(
    ("query", "then"),
    [
        (b"", b"limit=100&after=x%261"),
        (b"limit=2&order=asc&after=old", b"order=asc&limit=100&after=x%261"),
        (b"purpose=a%20b&limit=10000", b"purpose=a%20b&limit=10000&after=x%261"),
        (b"%61fter=old&limit=many", b"limit=100&after=x%261"),
    ],
)
def test_what_is_asked_for_next(query: bytes, then: bytes) -> None:
    assert further(query, "x&1") == then


def test_it_is_seen_whether_a_list_is_read_backwards() -> None:
    assert goes_back(b"limit=2&b%65fore=x")
    assert not goes_back(b"limit=2&order=before")


def test_an_item_is_a_value() -> None:
    page = page_in(said())
    assert page is not None
    assert isinstance(page.items[0], Item)
    assert json.loads(bytes(page.items[0].text)) == {"id": "file-a", "bytes": 1}
