"""How hosts, keys and models stand, and the operator's word on them, as the pages show and take it."""

from __future__ import annotations

import msgspec
import pytest

from proxy.errors import GatewayError
from tests.control.conftest import LayerStatus

MODEL = LayerStatus(
    kind="model", id="0123456789ab/org/gpt 4o", state="closed", reason="", since_s=0, until_s=0
)


@pytest.fixture
def two(house):
    house.layers = [LayerStatus(), MODEL]
    return house


async def test_all_are_listed(ask, two):
    listed = msgspec.json.decode((await ask("/admin/layers")).body)
    key, model = listed["layers"]
    assert listed["worker"] == 3
    assert (key["layer"], key["reason"], key["status"], key["word"]) == (
        "key/0123456789ab",
        "auth",
        401,
        "invalid_api_key",
    )
    assert key["call_id"] == "call-1"
    assert key["since"] < key["until"]
    assert (model["layer"], model["since"], model["until"]) == ("model/0123456789ab/org/gpt 4o", None, None)


@pytest.mark.parametrize(
    ("word", "query", "length_s"),
    [("bench", "", None), ("bench", "seconds=90", 90.0), ("drain", "", None), ("revive", "", None)],
)
async def test_a_word_reaches_one_layer(ask, two, word, query, length_s):
    reply = await ask(f"/admin/layers/{word}/model/0123456789ab/org%2Fgpt%204o", query, "POST")
    assert two.held == [("model/0123456789ab/org/gpt 4o", word, length_s)]
    shown = msgspec.json.decode(reply.body)["layers"]
    assert [one["layer"] for one in shown] == ["model/0123456789ab/org/gpt 4o"]


async def test_an_unknown_one_is_404(ask, two):
    with pytest.raises(GatewayError) as caught:
        await ask("/admin/layers/revive/key/nobody", method="POST")
    assert (caught.value.status, caught.value.code) == (404, "layer_not_found")


@pytest.mark.parametrize("page", ["/health", "/admin/deployments"])
async def test_each_deployment_tells_what_it_stands_on(ask, two, status, page):
    two.statuses = [status(id="a", layers=(LayerStatus(),))]
    assert "key/0123456789ab" in (await ask(page)).body.decode()
