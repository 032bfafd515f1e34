from __future__ import annotations

import msgspec
import pytest

from proxy.errors import GatewayError
from proxy.simulator.answer import list_reply, sse, sse_named
from proxy.simulator.request import Request
from proxy.simulator.store import Store
from proxy.simulator.thread_types import Thread

THREADS = [Thread(id=name) for name in "abcde"]


def _page(query: dict[str, str]) -> dict[str, object]:
    request = Request(query=query, content_type="", body=b"", store=Store(), params={})
    page: dict[str, object] = msgspec.json.decode(list_reply(THREADS, request).body)
    return page


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        ({}, "edcba", False),
        ({"order": "asc"}, "abcde", False),
        ({"limit": "2"}, "ed", True),
        ({"limit": "5"}, "edcba", False),
        ({"after": "d", "limit": "2"}, "cb", True),
        ({"after": "b"}, "a", False),
        ({"before": "c"}, "ed", False),
        ({"before": "c", "limit": "1"}, "e", True),
        ({"after": "a"}, "", False),
        ({"after": "gone"}, "edcba", False),
    ],
)
def test_pages(query: dict[str, str], ids: str, has_more: bool) -> None:
    page = _page(query)
    assert isinstance(page["data"], list)
    assert [item["id"] for item in page["data"]] == list(ids)
    assert page["has_more"] is has_more
    assert page["first_id"] == (ids[0] if ids else None)
    assert page["last_id"] == (ids[-1] if ids else None)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "two", ""])
def test_a_wrong_limit_is_a_400(limit: str) -> None:
    with pytest.raises(GatewayError) as caught:
        _page({"limit": limit})
    assert (caught.value.status, caught.value.param) == (400, "limit")


def test_events_are_server_sent_events() -> None:
    assert sse({"a": 1}) == b'data: {"a":1}\n\n'
    assert sse_named("thread.created", {"a": 1}) == b'event: thread.created\ndata: {"a":1}\n\n'
