from __future__ import annotations

import msgspec
import pytest


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_lists_the_models_in_the_order_of_the_configuration(ask, path):
    reply = await ask(path)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 1677610602, "owned_by": "openai"}
            for name in ("gpt-4o", "openai/gpt-4o", "gpt 4%")
        ],
    }


async def test_the_list_follows_a_reload(ask, house):
    house.models = ["new"]
    assert [card["id"] for card in msgspec.json.decode((await ask("/v1/models")).body)["data"]] == ["new"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models/gpt-4o", "gpt-4o"),
        ("/models/gpt-4o", "gpt-4o"),
        ("/v1/models/openai/gpt-4o", "openai/gpt-4o"),
        ("/v1/models/openai%2Fgpt-4o", "openai/gpt-4o"),
        ("/v1/models/gpt%204%25", "gpt 4%"),
        ("/v1/models/wild/anything", "wild/anything"),
    ],
)
async def test_shows_one_model(ask, path, name):
    reply = await ask(path)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "id": name, "object": "model", "created": 1677610602, "owned_by": "openai"
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/models/nope", "/models/", "/v1/models/%FF"])
async def test_a_model_that_is_not_served_is_not_found(ask, path):
    reply = await ask(path)
    assert reply.status == 404
    assert msgspec.json.decode(reply.body)["error"]["code"] == "model_not_found"


async def test_a_key_is_shown_what_it_may_use(ask, house):
    listed = await ask("/v1/models", may_use=lambda name: name == "gpt-4o")
    assert [card["id"] for card in msgspec.json.decode(listed.body)["data"]] == ["gpt-4o"]
    assert (await ask("/v1/models/gpt-4o", may_use=lambda name: name == "gpt-4o")).status == 200
    assert (await ask("/v1/models/gpt-4o", may_use=lambda name: name != "gpt-4o")).status == 404
