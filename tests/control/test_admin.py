"""The operator's word, as the pages take it."""

from __future__ import annotations

import math

import msgspec
import pytest

from proxy.errors import GatewayError


@pytest.fixture
def two(house, status):
    house.statuses = [
        status(id="simulator-1/gpt 4o"),
        status(id="b", state="open", reason="operator", until_s=math.inf),
    ]
    return house


async def test_all_are_listed(ask, two):
    reply = await ask("/admin/deployments")
    listed = msgspec.json.decode(reply.body)
    assert reply.status == 200
    assert listed["worker"] == 3
    assert [one["deployment_id"] for one in listed["deployments"]] == ["simulator-1/gpt 4o", "b"]
    held = listed["deployments"][1]
    assert (held["state"], held["reason"], held["until"], held["until_s"]) == ("open", "operator", None, None)


@pytest.mark.parametrize(
    ("word", "query", "length_s"),
    [
        ("bench", "", None),
        ("bench", "seconds=90", 90.0),
        ("bench", "seconds=0.5", 0.5),
        ("drain", "", None),
        ("revive", "", None),
    ],
)
async def test_a_word_reaches_one_deployment(ask, two, word, query, length_s):
    reply = await ask(f"/admin/deployments/{word}/simulator-1%2Fgpt%204o", query, "POST")
    assert two.held == [("simulator-1/gpt 4o", word, length_s)]
    shown = msgspec.json.decode(reply.body)["deployments"]
    assert [one["deployment_id"] for one in shown] == ["simulator-1/gpt 4o"]


async def test_an_id_may_hold_slashes_as_they_are(ask, two):
    await ask("/admin/deployments/drain/simulator-1/gpt%204o", method="POST")
    assert two.held == [("simulator-1/gpt 4o", "drain", None)]


async def test_an_unknown_id_is_404(ask, two):
    with pytest.raises(GatewayError) as caught:
        await ask("/admin/deployments/revive/nobody", method="POST")
    assert (caught.value.status, caught.value.code) == (404, "deployment_not_found")
    assert "nobody" in caught.value.message


@pytest.mark.parametrize(
    "query",
    ["seconds=", "seconds=soon", "seconds=0", "seconds=-1", "seconds=nan", "seconds=inf", "seconds=1e9"],
)
async def test_bad_seconds_are_400_and_change_nothing(ask, two, query):
    with pytest.raises(GatewayError) as caught:
        await ask("/admin/deployments/bench/b", query, "POST")
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_value", "seconds")
    assert two.held == []


@pytest.mark.parametrize("word", ["drain", "revive"])
async def test_only_a_bench_has_an_end(ask, two, word):
    with pytest.raises(GatewayError, match="Only a bench takes"):
        await ask(f"/admin/deployments/{word}/b", "seconds=5", "POST")
    assert two.held == []


def test_the_master_key_is_asked_for(house):
    pages = {page.path: page for page in house.pages() if page.path.startswith("/admin")}
    assert len(pages) == 8
    assert all(page.admin and not page.public for page in pages.values())
    assert {page.methods for path, page in pages.items() if path.endswith("}")} == {("POST",)}
